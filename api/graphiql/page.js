// Wires GraphiQL to this server: who is asking, the examples, and nothing from any other host.
"use strict";

(() => {
  const { React, ReactDOM, GraphiQL } = window;
  const byId = (id) => document.getElementById(id);
  const GREETING =
    "# Open an example from the list above, or write an operation here.\n" +
    "# Ctrl-Space completes, Ctrl-Enter runs.\n";

  const root = ReactDOM.createRoot(byId("graphiql"));
  const exampleTexts = new Set([GREETING]);
  let editor = null; // GraphiQL's own editor context, handed over by Bridge.
  let latestAsk = 0; // Answers that come after a newer question are dropped.

  // The token lives in the closure of the fetcher and nowhere else: not in storage, not in an address.
  // A new fetcher is what makes GraphiQL ask for the schema again, as this caller may see it.
  function show(token) {
    root.render(
      React.createElement(
        GraphiQL,
        {
          fetcher: fetcherWith(token),
          schema: token ? undefined : null, // Without a token there is no schema to ask for.
          defaultQuery: GREETING,
          storage: window.sessionStorage, // Queries may name clients: forget them with the tab.
          shouldPersistHeaders: false,
          showPersistHeadersSettings: false,
        },
        React.createElement(GraphiQL.Logo, null, React.createElement(Bridge)),
      ),
    );
  }

  function Bridge() {
    const context = GraphiQL.React.useEditorContext({ nonNull: true });
    React.useEffect(() => {
      editor = context;
    });
    return null;
  }

  function fetcherWith(token) {
    return async (operation, options) => {
      const headers = new Headers((options && options.headers) || {});
      headers.set("Content-Type", "application/json");
      headers.set("Accept", "application/graphql-response+json, application/json");
      if (token && !headers.has("Authorization")) headers.set("Authorization", `Bearer ${token}`);
      const response = await fetch("/graphql", {
        method: "POST",
        headers,
        body: JSON.stringify(operation),
        cache: "no-store",
      });
      return jsonOf(response);
    };
  }

  async function jsonOf(response) {
    const text = await response.text();
    try {
      return JSON.parse(text);
    } catch {
      const message = `The server answered ${response.status} ${response.statusText}, not JSON`;
      return { errors: [{ message, extensions: { body: text.slice(0, 1000) } }] };
    }
  }

  function say(text, bad = false) {
    const status = byId("status");
    status.textContent = text;
    status.title = text;
    status.classList.toggle("bad", bad);
  }

  async function become(persona) {
    const ask = ++latestAsk;
    say("…");
    try {
      const response = await fetch(`/dev/token?persona=${encodeURIComponent(persona)}`, { cache: "no-store" });
      const answer = await jsonOf(response);
      if (ask !== latestAsk) return;
      if (!response.ok || !answer.token) throw new Error(reasonIn(answer) || `answered ${response.status}`);
      show(answer.token);
      forgetAnswer();
      say(`signed in as ${answer.persona || persona}`);
    } catch (error) {
      if (ask !== latestAsk) return;
      show(null);
      forgetAnswer();
      say(`No token for ${persona}: ${error.message}`, true);
    }
  }

  function reasonIn(answer) {
    const first = Array.isArray(answer.errors) ? answer.errors[0] : null;
    const reason = (first && first.message) || answer.error || answer.detail || answer.message;
    return typeof reason === "string" ? reason : "";
  }

  // What the caller before was answered must not look like an answer to this one.
  function forgetAnswer() {
    if (editor && editor.responseEditor) editor.responseEditor.setValue("");
  }

  function listenForPersonas(select) {
    const other = byId("other-persona");
    select.addEventListener("change", () => {
      other.value = "";
      become(select.value);
    });
    other.addEventListener("change", () => {
      const persona = other.value.trim();
      if (!persona) return;
      select.selectedIndex = -1; // Nobody from the list is signed in now.
      become(persona);
    });
    if (select.value) become(select.value);
    else show(null);
  }

  function listenForTokens(field) {
    const use = () => {
      const token = field.value.trim().replace(/^Bearer\s+/i, "");
      field.value = "";
      show(token || null);
      forgetAnswer();
      say(token ? "token in use until this tab closes" : "no token");
    };
    byId("use-token").addEventListener("click", use);
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") use();
    });
    show(null);
  }

  async function listExamples(select) {
    const response = await fetch("/graphiql/examples.json");
    const groups = await response.json();
    const texts = [];
    for (const { persona, examples } of groups) {
      const group = document.createElement("optgroup");
      group.label = persona;
      for (const { title, query } of examples) {
        group.append(new Option(title, String(texts.length)));
        texts.push(query);
        exampleTexts.add(query);
      }
      select.append(group);
    }
    select.addEventListener("change", () => {
      if (select.value !== "") open(texts[Number(select.value)]);
      select.value = ""; // So that the same example can be picked again.
    });
  }

  // What the user wrote is never overwritten: the example then goes into a tab of its own.
  function open(text) {
    if (!editor || !editor.queryEditor) return;
    const current = editor.queryEditor.getValue();
    if (current.trim() && !exampleTexts.has(current)) editor.addTab();
    editor.queryEditor.setValue(text);
    if (editor.variableEditor) editor.variableEditor.setValue("");
    editor.queryEditor.focus();
  }

  const personas = byId("persona");
  if (personas) listenForPersonas(personas);
  else listenForTokens(byId("token"));
  listExamples(byId("examples")).catch((error) => say(`No examples: ${error.message}`, true));
})();
