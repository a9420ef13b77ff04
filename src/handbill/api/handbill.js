/* Handbill's tag. Before consent nothing is stored in the browser and nobody is recognised on the next
 * page; with Global Privacy Control it stays that way. See docs/collector.md. */
(function (window, document, navigator) {
  "use strict";
  var script = document.currentScript || {};
  var data = script.dataset || {};
  var origin = data.endpoint || (script.src ? new URL(script.src).origin : "");
  var url = origin + "/v1/events";
  var key = data.key || "";
  var STORE = "handbill";
  var BATCH = 50;
  var MOST = 500; // events kept while offline; the oldest go first
  var MAX_AGE = 7 * 864e5;
  var MAX_WAIT = 6e4;

  var queue = []; // events that no reply has confirmed
  var device = uuid(); // lives as long as the page, until there is consent
  var user = null;
  var agreed = false;
  var sending = false;
  var wait = 1e3;
  var timer = 0;

  function uuid() {
    if (window.crypto.randomUUID) return window.crypto.randomUUID();
    // Pages without https have no randomUUID, but they have random numbers.
    return "10000000-1000-4000-8000-100000000000".replace(/[018]/g, function (c) {
      return (+c ^ (window.crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (+c / 4)))).toString(16);
    });
  }

  function optedOut() {
    return navigator.globalPrivacyControl === true;
  }

  /* Storage may be forbidden, full or another version's: then the tag does without. */
  function load() {
    try {
      return JSON.parse(window.localStorage.getItem(STORE)) || {};
    } catch (_) {
      return {};
    }
  }

  function save() {
    if (!agreed) return;
    try {
      window.localStorage.setItem(
        STORE,
        JSON.stringify({ consent: true, device: device, user: user, queue: queue.slice(-MOST) }),
      );
    } catch (_) {}
  }

  function forget() {
    try {
      window.localStorage.removeItem(STORE);
    } catch (_) {}
  }

  function agree(stored) {
    agreed = true;
    device = stored.device || device;
    user = user || stored.user || null;
    var oldest = Date.now() - MAX_AGE;
    var known = {};
    queue.forEach(function (event) {
      known[event.event_id] = true;
    });
    queue = (Array.isArray(stored.queue) ? stored.queue : [])
      .filter(function (event) {
        return event && !known[event.event_id] && Date.parse(event.occurred_at) > oldest;
      })
      .concat(queue);
    save();
  }

  function consent(given) {
    if (given && !optedOut()) {
      agree(load());
      if (user) track("identify");
    } else {
      agreed = false;
      user = null;
      device = uuid();
      forget();
    }
    later(0);
  }

  function track(name, fields) {
    var event = {
      event: name,
      event_id: uuid(),
      occurred_at: new Date().toISOString(),
      page: { url: location.href, title: document.title, referrer: document.referrer },
      consent: agreed,
    };
    for (var field in fields) event[field] = fields[field];
    event.anonymous_id = device;
    if (agreed && user) event.user_id = user;
    if (navigator.webdriver) event.webdriver = true;
    queue.push(event);
    if (queue.length > MOST) queue.shift();
    save();
    later(50); // what a page does at once travels together
    return event.event_id;
  }

  function later(delay) {
    clearTimeout(timer);
    if (queue.length) timer = setTimeout(flush, delay);
  }

  function body(events) {
    return JSON.stringify({ write_key: key, sent_at: new Date().toISOString(), events: events });
  }

  function confirmed(events) {
    var ids = {};
    events.forEach(function (event) {
      ids[event.event_id] = true;
    });
    queue = queue.filter(function (event) {
      return !ids[event.event_id];
    });
    save();
  }

  function post(events) {
    // text/plain needs no preflight. Browsers allow 64 KiB to outlive the page.
    var content = body(events);
    return fetch(url, {
      method: "POST",
      body: content,
      headers: { "content-type": "text/plain" },
      credentials: "omit",
      keepalive: content.length < 6e4,
    });
  }

  function flush() {
    if (sending || !queue.length) return;
    sending = true;
    var events = queue.slice(0, BATCH);
    post(events)
      .then(function (reply) {
        // 2xx: on disk. 4xx: it will not do better another time. Everything else is tried again.
        if (reply.status >= 500 || reply.status === 429) throw reply;
        confirmed(events);
        wait = 1e3;
        sending = false;
        later(0);
      })
      .catch(function () {
        sending = false;
        later(wait * (0.5 + Math.random() / 2));
        wait = Math.min(wait * 2, MAX_WAIT);
      });
  }

  /* The page goes: no reply can be awaited. With consent the events stay stored until one confirms
   * them, and their ids make a second sending harmless. */
  function leave() {
    for (var start = 0; start < queue.length; start += BATCH) {
      var events = queue.slice(start, start + BATCH);
      if (!(navigator.sendBeacon && navigator.sendBeacon(url, body(events)))) {
        post(events).catch(function () {});
      }
    }
    if (!agreed) queue = [];
  }

  function items(list) {
    return { items: [].concat(list || []) };
  }

  var api = {
    track: track,
    consent: consent,
    page: function (fields) {
      return track("page_view", fields);
    },
    view: function (item, fields) {
      return track("view_item", Object.assign(items(item), fields));
    },
    search: function (term, fields) {
      return track("search", Object.assign({ search_term: term }, fields));
    },
    cart: function (item, fields) {
      return track("add_to_cart", Object.assign(items(item), fields));
    },
    remove: function (item, fields) {
      return track("remove_from_cart", Object.assign(items(item), fields));
    },
    purchase: function (order) {
      return track("purchase", order);
    },
    identify: function (id) {
      user = id == null ? null : String(id);
      save();
      return agreed && user ? track("identify") : null;
    },
    flush: flush,
    /* Calls that a page made before the tag was there: handbill.push(["page"]). */
    push: function (call) {
      return api[call[0]].apply(null, [].slice.call(call, 1));
    },
  };

  var stored = load();
  if (optedOut()) forget();
  else if (stored.consent) agree(stored);

  window.addEventListener("online", function () {
    wait = 1e3;
    later(0);
  });
  document.addEventListener("visibilitychange", function () {
    if (document.visibilityState === "hidden") leave();
  });
  window.addEventListener("pagehide", leave);

  var early = window.handbill;
  window.handbill = api;
  if (Array.isArray(early)) early.forEach(api.push);
  if (data.consent === "granted") consent(true);
  if (data.page !== "off") api.page();
  later(0);
})(window, document, navigator);
