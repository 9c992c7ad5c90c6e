// A login flow with everything in it; a test names only what it is about.
import type { LoginFlow } from '../../src/domain/login_flow.ts';
import { randomId } from '../../src/domain/secret.ts';

export const FLOW_START = new Date('2026-03-14T09:26:53.000Z');

export function aLoginFlow(differs: Partial<LoginFlow> = {}): LoginFlow {
  return {
    id: randomId(),
    client_id: 'https://app.example/',
    redirect_uri: 'https://app.example/callback',
    flow_type: 'authorize',
    auth_provider_type: 'homeassistant',
    auth_provider_id: null,
    remote_address: '198.51.100.7',
    browser_hash: null,
    code_challenge: null,
    step_id: 'init',
    provider_state: {},
    identity: null,
    user_id: null,
    mfa_module_id: null,
    mfa_state: null,
    mfa_attempts: 0,
    page: null,
    came_back: null,
    version: 0,
    created_at: FLOW_START,
    expires_at: new Date(FLOW_START.getTime() + 600_000),
    typed_at: null,
    ...differs,
  };
}
