// Logins for our own pages: this server is the client, and the result is a browser session without
// a code.

/** Where such a login ends; `next` in its query is where the browser continues. */
export const OWN_LOGIN_DONE = '/login/done';

export function isOwnLogin({ client_id, redirect_uri }: { client_id: string; redirect_uri: string }, public_url: string): boolean {
  return client_id === `${public_url}/` && redirect_uri.startsWith(`${public_url}${OWN_LOGIN_DONE}?`);
}
