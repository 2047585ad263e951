/**
 * Adds a `client_request_token` to a body: the same one for the same body, so that pressing a button again after a lost answer makes nothing
 * twice, and another one for another body.
 */
export function requestToken() {
  let last;
  let token;
  return {
    on: (body) => {
      const text = JSON.stringify(body);
      if (text !== last) token = random();
      last = text;
      return { ...body, client_request_token: token };
    },
  };
}

/** crypto.randomUUID is there on encrypted connections only. */
function random() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
