// Starts GraphiQL on the endpoint that the page names. Queries and mutations are posted; a subscription is read as
// server-sent events, because the stream of the service needs no WebSocket.
(() => {
  'use strict';
  const root = document.getElementById('graphiql');
  const endpoint = root.dataset.endpoint;

  const isSubscription = (params, options) => {
    const operations = (options.documentAST?.definitions ?? []).filter((one) => one.kind === 'OperationDefinition');
    const named = operations.find((one) => one.name?.value === params.operationName);
    return (named ?? operations[0])?.operation === 'subscription';
  };

  const post = (params, options, accept) =>
    fetch(endpoint, {
      method: 'POST',
      headers: { accept, 'content-type': 'application/json', ...options.headers },
      body: JSON.stringify(params),
    });

  // What the service refuses before it reads the document is a problem, which has no `errors`.
  const answer = async (response) => {
    const body = await response.json();
    return body.errors || body.data ? body : { errors: [{ message: body.detail ?? response.statusText, extensions: body }] };
  };

  async function* stream(params, options) {
    const response = await post(params, options, 'text/event-stream');
    if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
      yield await answer(response);
      return;
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    try {
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
          if (data) yield JSON.parse(data.slice('data: '.length));
        }
      }
    } finally {
      await reader.cancel();
    }
  }

  const accept = 'application/graphql-response+json, application/json;q=0.9';
  const fetcher = (params, options = {}) =>
    isSubscription(params, options) ? stream(params, options) : post(params, options, accept).then(answer);

  ReactDOM.createRoot(root).render(
    React.createElement(GraphiQL, {
      fetcher,
      defaultEditorToolsVisibility: true,
      defaultQuery: '# A customer\'s orders, newest first.\n{\n  ordersOfCustomer(customerId: 42, first: 10) {\n    edges { node { id status totalAmount currency } }\n    pageInfo { hasNextPage endCursor }\n  }\n}\n',
    }),
  );
})();
