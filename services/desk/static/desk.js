// What scripts add: nothing that a page needs, only that it goes quicker.
(function () {
  "use strict";

  function element(tag, cls, text) {
    var e = document.createElement(tag);
    if (cls) e.className = cls;
    if (text) e.textContent = text;
    return e;
  }

  function row(t, list) {
    var li = element("li"), line = element("div", "line"), badge = element("span", "badge " + t.tone);
    var icon = element("span", "icon", t.icon);
    icon.setAttribute("aria-hidden", "true");
    badge.append(icon, t.word);
    line.append(element("span", "what", t.platform_name), badge);
    li.append(line);
    if (t.detail) li.append(element("p", "detail", t.detail));
    if (t.retry && list.dataset.retry) li.append(again(t, list));
    return li;
  }

  // The button that has a row tried again, as the page has it.
  function again(t, list) {
    var form = element("form"), button = element("button", "small quiet", list.dataset.retry), token = document.querySelector("meta[name=csrf]");
    function put(name, value) {
      var box = element("input");
      box.type = "hidden"; box.name = name; box.value = value;
      form.append(box);
    }
    form.method = "post";
    form.action = list.dataset.action;
    if (token) put("csrf", token.content);
    put("target", t.id);
    put("back", location.pathname + location.search);
    button.setAttribute("aria-label", list.dataset.retry + " " + t.platform_name);
    form.append(button);
    return form;
  }

  // The platforms turn green while somebody looks.
  function watch(list) {
    var last = "", quiet = 0, since = Date.now();
    var word = document.querySelector("[data-saved-word]"), green = document.querySelector("[data-green]");
    function show(reply) {
      var now = JSON.stringify(reply.targets);
      if (now !== last && reply.targets.length) {
        list.replaceChildren.apply(list, reply.targets.map(function (t) { return row(t, list); }));
        if (green) {
          green.textContent = green.dataset.green
            .replace("{green}", reply.targets.filter(function (t) { return t.tone === "ok"; }).length)
            .replace("{all}", reply.targets.filter(function (t) { return t.tone !== "off"; }).length);
        }
      }
      quiet = now === last && reply.settled ? quiet + 1 : 0;
      last = now;
      if (word) word.textContent = reply.settled ? word.dataset.done : word.dataset.waiting;
    }
    function ask() {
      fetch(list.dataset.poll, { headers: { Accept: "application/json" } })
        .then(function (r) { return r.ok ? r.json() : Promise.reject(r.status); })
        .then(show, function (status) { if (status === 401) location.reload(); })
        .then(function () {
          if (quiet < 3) setTimeout(ask, Date.now() - since < 60000 ? 400 : 3000);
        });
    }
    ask();
  }

  // A new entry becomes a resident.
  function follow(box) {
    fetch(box.dataset.entryPoll, { headers: { Accept: "application/json" } })
      .then(function (r) { return r.ok ? r.json() : Promise.reject(r.status); })
      .then(function (reply) {
        if (reply.resident) {
          location.replace("/residents/" + reply.resident + "?entry=" + encodeURIComponent(box.dataset.request));
        } else if (reply.state === "pending") {
          setTimeout(follow, 100, box);
        } else {
          location.reload();
        }
      }, function () { setTimeout(follow, 2000, box); });
  }

  // What the box finds, while somebody types. Arrows go through it.
  function search(box) {
    var hits = document.getElementById("hits"), timer, asked;
    function show(html) {
      hits.innerHTML = html; // made by our own server, which escapes every value
      document.body.classList.toggle("found", html.trim() !== "");
    }
    function ask() {
      var q = box.value.trim();
      if (asked) asked.abort();
      history.replaceState(null, "", q ? "/?q=" + encodeURIComponent(q) : "/");
      if (!q) return show("");
      asked = new AbortController();
      fetch(box.dataset.search + "?q=" + encodeURIComponent(q), { signal: asked.signal })
        .then(function (r) { return r.redirected ? location.reload() : r.ok ? r.text().then(show) : null; }, function () {});
    }
    box.addEventListener("input", function (e) {
      clearTimeout(timer);
      if (!e.isComposing) timer = setTimeout(ask, 120); // not for half of an input method's word
    });
    box.addEventListener("compositionend", function () { clearTimeout(timer); timer = setTimeout(ask, 0); });
    document.addEventListener("keydown", function (e) {
      var links = Array.prototype.slice.call(hits.querySelectorAll("a")), at = links.indexOf(document.activeElement);
      if (document.activeElement !== box && at < 0) return;
      if (e.key === "ArrowDown" && links[at + 1]) links[at + 1].focus();
      else if (e.key === "ArrowUp" && at >= 0) (links[at - 1] || box).focus();
      else if (e.key === "Escape" && at >= 0) box.focus();
      else return;
      e.preventDefault();
    });
  }

  // Full-width letters and digits are typed by accident.
  function plain(text) { return text.normalize ? text.normalize("NFKC") : text; }

  // A number of 15 digits as 18: the century goes in, the check character on.
  function upgraded(id) {
    if (!/^\d{15}$/.test(id) || id.slice(12) >= "996") return id;
    var long = id.slice(0, 6) + "19" + id.slice(6), sum = 0;
    for (var i = 0; i < 17; i++) sum += long[i] * (Math.pow(2, 17 - i) % 11);
    return long + "10X98765432"[sum % 11];
  }

  // An ID number says birth date and sex; boxes that were filled are left alone.
  function derive(form) {
    var id = form.elements.id_number, birth = form.elements.birth_date, sex = form.elements.sex, age = document.getElementById("age");
    if (!id || !birth || !sex) return;
    function old() {
      var m = /^(\d{4})(?:-(\d\d))?(?:-(\d\d))?$/.exec(plain(birth.value).trim());
      if (!age) return;
      var now = new Date(), years = m ? now.getFullYear() - m[1] - (m[3] && (now.getMonth() + 1 < +m[2] || now.getMonth() + 1 === +m[2] && now.getDate() < +m[3]) ? 1 : 0) : -1;
      age.textContent = years >= 0 && years < 150 ? age.dataset.age.replace("{years}", years) : "";
    }
    id.addEventListener("change", function () {
      var text = upgraded(plain(id.value).replace(/[\s-]/g, "").toUpperCase());
      if (/^[\dX]{18}$/.test(text)) id.value = text;
      var m = /^\d{6}(\d{4})(\d\d)(\d\d)\d\d(\d)[\dX]$/.exec(text);
      if (!m) return;
      if (!birth.value) birth.value = m[1] + "-" + m[2] + "-" + m[3];
      if (!sex.value) sex.value = Number(m[4]) % 2 ? "1" : "2";
      old();
    });
    birth.addEventListener("input", old);
    old();
  }

  // Who may be the same, while somebody types.
  function alike(box) {
    var form = box.closest("form"), timer, asked, last = "";
    var watched = ["name", "id_number", "phone", "birth_date", "residence", "mother_name", "mother_id"];
    function ask() {
      var body = new URLSearchParams(new FormData(form)), now = watched.map(function (n) { return body.get(n); }).join("|");
      if (now === last) return;
      last = now;
      if (asked) asked.abort();
      asked = new AbortController();
      fetch(box.dataset.alike, { method: "POST", body: body, signal: asked.signal })
        .then(function (r) { return r.ok ? r.text() : ""; })
        .then(function (html) { box.innerHTML = html; }, function () {}); // made by our own server
    }
    function soon(e) {
      clearTimeout(timer);
      if (!e.isComposing) timer = setTimeout(ask, 250);
    }
    form.addEventListener("input", soon);
    form.addEventListener("change", soon);
    form.addEventListener("compositionend", soon);
  }

  // Dwellings that are known, below the box for the address; one fills in the household too.
  function pick(box) {
    var list = document.getElementById("picks"), form = box.form, timer, asked;
    if (!list) return;
    function ask() {
      var q = box.value.trim();
      if (asked) asked.abort();
      if (q.length < 2) { list.innerHTML = ""; return; }
      asked = new AbortController();
      fetch(box.dataset.pick + "?q=" + encodeURIComponent(q), { signal: asked.signal })
        .then(function (r) { return r.ok ? r.text() : ""; })
        .then(function (html) { list.innerHTML = html; }, function () {}); // made by our own server
    }
    box.addEventListener("input", function (e) { clearTimeout(timer); if (!e.isComposing) timer = setTimeout(ask, 200); });
    list.addEventListener("click", function (e) {
      var button = e.target.closest("button");
      if (!button) return;
      e.preventDefault();
      box.value = button.dataset.address;
      if (form.elements.household_no) form.elements.household_no.value = button.dataset.household;
      list.innerHTML = "";
      box.dispatchEvent(new Event("change", { bubbles: true }));
      (form.elements.relation || box).focus();
    });
    function move(e) {
      var buttons = Array.prototype.slice.call(list.querySelectorAll("button")), at = buttons.indexOf(document.activeElement);
      if (e.key === "ArrowDown" && buttons[at + 1]) buttons[at + 1].focus();
      else if (e.key === "ArrowUp" && at >= 0) (buttons[at - 1] || box).focus();
      else if (e.key === "Escape" && at >= 0) { list.innerHTML = ""; box.focus(); }
      else return;
      e.preventDefault();
    }
    box.addEventListener("keydown", move);
    list.addEventListener("keydown", move);
  }

  // Arrows go from door to door.
  document.querySelectorAll("[data-chart]").forEach(function (table) {
    table.addEventListener("keydown", function (e) {
      var cell = document.activeElement.closest("td"), step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[e.key];
      if (!cell || !step) return;
      var row = cell.parentNode, column = cell.cellIndex;
      for (;;) {
        column += step[1];
        row = step[0] < 0 ? row.previousElementSibling : step[0] > 0 ? row.nextElementSibling : row;
        var next = row && row.cells[column], door = next && next.querySelector("a");
        if (!next || next.tagName !== "TD") return;
        if (door) { door.focus(); e.preventDefault(); return; }
      }
    });
  });
  document.querySelectorAll("[data-pick]").forEach(pick);

  // An import goes on by itself; its page looks until it is done.
  function watchImport(box) {
    var bar = box.querySelector("progress"), word = box.querySelector("[data-word]");
    (function ask() {
      fetch(box.dataset.importPoll).then(function (r) { return r.ok ? r.json() : null; }, function () {}).then(function (i) {
        if (i && i.state !== "running") return location.reload();
        if (i) {
          bar.value = 100 * (i.lines - i.waiting) / i.lines;
          word.textContent = word.dataset.word.replace("{done}", i.lines - i.waiting).replace("{all}", i.lines);
        }
        setTimeout(ask, 700);
      });
    })();
  }

  // A file that is too large is told before it has travelled.
  function weigh(form) {
    var file = form.querySelector("input[type=file]"), word = form.querySelector("[role=alert]"), button = form.querySelector("button");
    file.addEventListener("change", function () {
      var large = file.files[0] && file.files[0].size > Number(form.dataset.max);
      word.hidden = !large;
      button.disabled = !!large;
    });
  }

  document.querySelectorAll("[data-import-poll]").forEach(watchImport);
  document.querySelectorAll("form[data-max]").forEach(weigh);
  document.querySelectorAll("[data-search]").forEach(search);
  document.querySelectorAll("[data-alike]").forEach(alike);
  // 就是他: Alt and the number of the card.
  document.addEventListener("keydown", function (e) {
    var m = /^Digit(\d)$/.exec(e.code || ""), button = e.altKey && m && document.querySelector('[data-same="' + m[1] + '"]');
    if (button) { e.preventDefault(); button.click(); }
  });
  // A line that is pasted is read at once, and by Enter.
  document.querySelectorAll("[data-paste]").forEach(function (box) {
    var read = box.parentNode.querySelector("button");
    box.addEventListener("paste", function () { setTimeout(function () { read.click(); }, 0); });
    box.addEventListener("keydown", function (e) { if (e.key === "Enter" && !e.isComposing) { e.preventDefault(); read.click(); } });
  });
  document.querySelectorAll("[data-poll]").forEach(watch);
  document.querySelectorAll("[data-entry-poll]").forEach(follow);
  // What is typed is kept on the server as a draft, one after another.
  function draft(form) {
    var word = form.querySelector("[data-draft-word]"), timer, busy = false, again = false, leaving = false;
    function say(text) { if (word.textContent !== text) word.textContent = text; }
    function keep() {
      if (leaving) return;
      if (busy) { again = true; return; }
      busy = true;
      fetch(form.dataset.draft, { method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams(new FormData(form)) })
        .then(function (r) {
          var now = new Date();
          if (r.status === 204) say(word.dataset.draftWord.replace("{time}", ("0" + now.getHours()).slice(-2) + ":" + ("0" + now.getMinutes()).slice(-2)));
          else say(r.headers.get("Draft-Kept") === "true" ? word.dataset.expired : word.dataset.lost);
        }, function () { say(word.dataset.lost); })
        .then(function () {
          busy = false;
          if (again) { again = false; soon(); }
        });
    }
    function soon() { clearTimeout(timer); timer = setTimeout(keep, 1500); }
    form.addEventListener("input", soon);
    form.addEventListener("change", soon);
    form.addEventListener("submit", function () { leaving = true; clearTimeout(timer); });
    window.addEventListener("pageshow", function () { leaving = false; });
  }
  document.querySelectorAll("form[data-draft]").forEach(draft);
  document.querySelectorAll("form[data-entry]").forEach(function (form) {
    derive(form);
    form.addEventListener("submit", function () { form.setAttribute("aria-busy", "true"); });
  });
  // Enter saves, without the page jumping down to the button.
  document.querySelectorAll("[data-focus]").forEach(function (b) { b.focus({ preventScroll: true }); });
  // 1, 2, 3 decide about a pair and u undoes it, unless somebody is typing.
  document.querySelectorAll("form[data-keys]").forEach(function (form) {
    document.addEventListener("keydown", function (e) {
      if (e.ctrlKey || e.altKey || e.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) return;
      var button = form.querySelector('button[data-key="' + e.key.replace(/\W/g, "") + '"]');
      if (button) button.click();
    });
  });
  // Copy one field of a card. Without a script it is selected and copied by hand.
  document.querySelectorAll("button[data-copy]").forEach(function (button) {
    var box = document.getElementById(button.dataset.copy), word = button.textContent;
    button.hidden = false;
    button.addEventListener("click", function () {
      box.focus();
      box.select();
      var done = navigator.clipboard ? navigator.clipboard.writeText(box.value).catch(function () { document.execCommand("copy"); }) : Promise.resolve(document.execCommand("copy"));
      done.then(function () {
        button.textContent = button.dataset.done;
        setTimeout(function () { button.textContent = word; }, 1500);
      });
    });
  });
  // "/" goes to the search box, as in many programs.
  document.addEventListener("keydown", function (e) {
    var box = document.getElementById("q");
    if (e.key === "/" && !box && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      e.preventDefault();
      location.assign("/");
    } else if (e.key === "/" && box && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      e.preventDefault();
      box.focus();
      box.select();
    }
  });
})();
