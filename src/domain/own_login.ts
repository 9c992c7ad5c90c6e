// A login for our own pages: we are the client, and what it gives is a session in this browser and no code.

/** Where such a login ends; `next` in its query is where the browser continues. */
export const OWN_LOGIN_DONE = '/login/done';

export function isOwnLogin({ client_id, redirect_uri }: { client_id: string; redirect_uri: string }, public_url: string): boolean {
  return client_id === `${public_url}/` && redirect_uri.startsWith(`${public_url}${OWN_LOGIN_DONE}?`);
}
