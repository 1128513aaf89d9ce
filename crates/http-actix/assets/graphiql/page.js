// Starts GraphiQL on the endpoint that the page names. Queries and mutations are posted; a subscription is read as
// server-sent events, because the stream of the service needs no WebSocket.
(() => {
  'use strict';
  const root = document.getElementById('graphiql');
  const endpoint = root.dataset.endpoint;

  // By the text that is sent: the document that GraphiQL passes beside it is the one of a moment ago.
  const isSubscription = ({ query, operationName }) => {
    const { getOperationAST, parse } = GraphiQL.GraphQL;
    try {
      return getOperationAST(parse(query), operationName)?.operation === 'subscription';
    } catch {
      return false;
    }
  };

  const post = (params, options, accept, signal) =>
    fetch(endpoint, {
      method: 'POST',
      headers: { accept, 'content-type': 'application/json', ...options.headers },
      body: JSON.stringify(params),
      signal,
    });

  // What the service refuses before it reads the document is a problem, which has no `errors`.
  const answer = async (response) => {
    const body = await response.json();
    return body.errors || body.data ? body : { errors: [{ message: body.detail ?? response.statusText, extensions: body }] };
  };

  async function read(params, options, signal, next) {
    const response = await post(params, options, 'text/event-stream', signal);
    if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
      next(await answer(response));
      return;
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const blocks = text.split('\n\n');
      text = blocks.pop();
      for (const block of blocks) {
        if (block.startsWith('event: complete')) return;
        const data = block.split('\n').find((line) => line.startsWith('data: '));
        if (data) next(JSON.parse(data.slice('data: '.length)));
      }
    }
  }

  // An observable, because a generator that waits for an event ends only when one has come: a stop has to end the stream now.
  const stream = (params, options) => ({
    subscribe(observer) {
      const stopped = new AbortController();
      read(params, options, stopped.signal, (event) => observer.next(event))
        .then(() => observer.complete(), (error) => stopped.signal.aborted || observer.error(error))
        .finally(() => stopped.abort());
      return { unsubscribe: () => stopped.abort() };
    },
  });

  const accept = 'application/graphql-response+json, application/json;q=0.9';
  const fetcher = (params, options = {}) =>
    isSubscription(params) ? stream(params, options) : post(params, options, accept).then(answer);

  // The history of GraphiQL has the headers of all that was run, tokens among them, and would keep them whatever is set for headers.
  const kept = (key, text) => {
    const isHistory = ['graphiql:queries', 'graphiql:favorites'].includes(key);
    return isHistory ? JSON.stringify(JSON.parse(text), (name, part) => (name === 'headers' ? undefined : part)) : text;
  };
  const storage = {
    get length() { return localStorage.length; },
    getItem: (key) => localStorage.getItem(key),
    setItem: (key, text) => localStorage.setItem(key, kept(key, text)),
    removeItem: (key) => localStorage.removeItem(key),
    clear: () => Object.keys(localStorage).filter((key) => key.startsWith('graphiql:')).forEach(storage.removeItem),
  };

  ReactDOM.createRoot(root).render(
    React.createElement(GraphiQL, {
      fetcher,
      storage,
      defaultEditorToolsVisibility: true,
      defaultQuery: '# A customer\'s orders, newest first.\n{\n  ordersOfCustomer(customerId: 42, first: 10) {\n    edges { node { id status totalAmount currency } }\n    pageInfo { hasNextPage endCursor }\n  }\n}\n',
    }),
  );
})();
