// Starts, finds and stores login flows, and decides who may continue one. A JSON flow is bound to
// the address that started it, a page's flow to the browser; a flow cannot change its dialect.
import { type AuthProvider, providerKeyText, providerPath } from '../domain/auth_provider.ts';
import { isAcceptedClientId } from '../domain/client_id.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { flowIdFromState } from '../domain/external_state.ts';
import type { FormInput, FormValues } from '../domain/form.ts';
import type { FlowPage, FlowType, LoginFlow } from '../domain/login_flow.ts';
import { foreignHostAddress } from '../domain/network.ts';
import type { RowQuotas } from '../domain/row_quota.ts';
import { randomId, safeEqual } from '../domain/secret.ts';
import type { LoginFlowRepository } from '../repository/login_flows.ts';
import { flowInProgress } from './flow_lock.ts';

/** The origin of a request: the browser for a page, the address in the JSON dialect. */
interface From {
  client_id: string;
  remote_address: string;
  /**
   * The address that providers may trust, empty where the Host is not this server's; absent:
   * `remote_address`.
   */
  proven_address?: string;
  /** SHA-256 of the pre-login cookie; null in the JSON dialect. */
  browser_hash: Buffer | null;
  /** The device cookie; pages only. */
  device_cookie?: string | null;
  /** The page's request, needed when the person returns from another server. */
  page?: FlowPage;
  /** Whether a session at the provider is not sufficient. */
  reauthenticate?: boolean;
  /** The reference for explaining a refusal of this request. */
  error_ref?: string;
}

export interface StartRequest extends From {
  redirect_uri: string;
  flow_type: FlowType;
  /** The provider's type and id. */
  handler: readonly [type: string | null, id: string | null];
  code_challenge: string | null;
}

export interface SubmitRequest extends From {
  flow_id: string;
  input: FormInput;
}

/** A return from another server. */
export interface ResumeRequest extends Omit<From, 'client_id' | 'browser_hash' | 'page'> {
  /** The provider as named in the path. */
  provider: string;
  /** The returned parameters. */
  parameters: FormValues;
  /** Null: a browser without a pre-login cookie. */
  browser_hash: Buffer | null;
}

/** A flow within a request. */
export interface FlowContext {
  flow: LoginFlow;
  /** Whether the flow is stored. */
  stored: boolean;
  provider: AuthProvider;
  from: From;
}

interface VisitDeps {
  /** By `providerKeyText`. */
  providers: ReadonlyMap<string, AuthProvider>;
  loginFlows: LoginFlowRepository;
  rowQuotas: RowQuotas;
  clock: Clock;
  public_url: string;
  isSharedAddress(address: string): boolean;
}

/** Lifetime of a flow in seconds. */
const FLOW_LIFETIME = 600;
const MAX_REDIRECT_URI_LENGTH = 4096;
const FLOW_ID = /^[0-9a-f]{32}$/;

export function createFlowStore({ providers, loginFlows, rowQuotas, clock, public_url, isSharedAddress }: VisitDeps) {
  function judgeClientId(client_id: string): void {
    if (!isAcceptedClientId(client_id, public_url)) throw new AuthError('invalid_client_id');
  }

  return {
    /** A new flow, not stored yet (HA contract 3.5, in its order). */
    start(request: StartRequest): FlowContext {
      const { client_id, redirect_uri, flow_type, handler, code_challenge, remote_address, browser_hash } = request;
      judgeClientId(client_id);
      const [auth_provider_type, auth_provider_id] = handler;
      const provider = providers.get(providerKeyText({ auth_provider_type: auth_provider_type ?? '', auth_provider_id }));
      const is_known = provider?.auth_provider_id === auth_provider_id && !(flow_type === 'link_user' && provider.is_unlisted);
      if (!provider || !is_known) throw new AuthError('invalid_handler');
      const refusal = provider.refusal(trustedAddress(request));
      if (refusal !== null) throw new AuthError('invalid_handler', { detail: refusal });
      if (!isStorable(redirect_uri)) throw new AuthError('invalid_redirect_uri');
      const now = clock();
      const asked = { client_id, redirect_uri, flow_type, code_challenge, remote_address, browser_hash };
      const place = { auth_provider_type: provider.auth_provider_type, auth_provider_id, step_id: 'init', provider_state: {}, version: 0 };
      const unknown = {
        identity: null,
        user_id: null,
        mfa_module_id: null,
        mfa_state: null,
        mfa_attempts: 0,
        page: null,
        came_back: null,
        typed_at: null,
      };
      const flow = { id: randomId(), ...asked, ...place, ...unknown, created_at: now, expires_at: addSeconds(now, FLOW_LIFETIME) };
      return { flow, stored: false, provider, from: request };
    },

    /** A stored flow that the requester may continue (HA contract 3.6, in its order). */
    async find(request: SubmitRequest): Promise<FlowContext> {
      judgeClientId(request.client_id);
      const [flow] = isFlowId(request.flow_id) ? await loginFlows.findSubmitted({ id: request.flow_id, now: clock() }) : [];
      const provider = flow && providers.get(providerKeyText(flow));
      if (!provider || !isSameBrowser(flow.browser_hash, request.browser_hash)) throw unknownFlow();
      // A page's flow may change its address, as phones change networks.
      if (flow.browser_hash === null && flow.remote_address !== request.remote_address) throw new AuthError('ip_address_changed');
      return { flow, stored: true, provider, from: request };
    },

    /**
     * The flow that a person returns to, if it awaits the return and is continued by the same
     * browser or address.
     */
    async findAwaited({ provider: path, parameters, browser_hash, ...from }: ResumeRequest): Promise<FlowContext> {
      const { state = '' } = parameters;
      const id = flowIdFromState(state);
      const [flow] = isFlowId(id) ? await loginFlows.find({ id, now: clock() }) : [];
      const provider = flow && providers.get(providerKeyText(flow));
      if (!provider || providerPath(provider) !== path || !isAwaited(flow, state)) throw unknownFlow();
      // In the JSON dialect only the address connects the two requests, so it must not be shared.
      const is_same_visitor =
        flow.browser_hash === null
          ? flow.remote_address === from.remote_address && !isSharedAddress(from.remote_address)
          : isSameBrowser(flow.browser_hash, browser_hash);
      if (!is_same_visitor) throw unknownFlow();
      return { flow, stored: true, provider, from: { ...from, client_id: flow.client_id, browser_hash: flow.browser_hash } };
    },

    /** Stores the flow's progress; throws if another request has changed it. */
    async remember({ flow, stored, from }: FlowContext, next: LoginFlow): Promise<void> {
      const moved = { ...next, page: from.page ?? next.page };
      if (!stored) {
        if (await loginFlows.open(moved, rowQuotas(from))) return;
        throw new AuthError('too_many_requests', 'Too many logins under way from this address', { retry_after: 60 });
      }
      // Repeating the form changes nothing, so parallel wrong guesses do not conflict.
      if (isSamePlace(flow, moved) || (await loginFlows.advance(moved))) return;
      // Another replica has continued or ended it.
      const is_there = from.browser_hash === null && (await loginFlows.find({ id: flow.id, now: clock() })).length > 0;
      throw is_there ? flowInProgress() : unknownFlow();
    },

    /** Marks that a person submitted a form; such flows are evicted last. */
    typed(visit: FlowContext): FlowContext {
      return { ...visit, flow: { ...visit.flow, typed_at: visit.flow.typed_at ?? clock() } };
    },

    /** Ends a flow; false if there is none. */
    async end(flow_id: string): Promise<boolean> {
      return isFlowId(flow_id) && (await loginFlows.abort({ id: flow_id, now: clock() }));
    },
  };
}

/** The address that providers check. */
export function trustedAddress({ proven_address, remote_address }: Pick<From, 'proven_address' | 'remote_address'>): string {
  return proven_address ?? remote_address;
}

/** The address that a wrong guess counts against; kept apart if the Host is not this server's. */
export function failureAddress({ proven_address, remote_address }: Pick<From, 'proven_address' | 'remote_address'>): string {
  return proven_address === '' ? foreignHostAddress(remote_address) : remote_address;
}

/** The flow is unknown, ended, or another browser's; the error does not say which. */
export function unknownFlow(): AuthError {
  return new AuthError('unknown_flow');
}

function isFlowId(text: string): boolean {
  return FLOW_ID.test(text);
}

function isSameBrowser(flow: Buffer | null, request: Buffer | null): boolean {
  return flow === null || request === null ? flow === request : safeEqual(flow, request);
}

function isAwaited({ provider_state, came_back }: LoginFlow, state: string): boolean {
  return came_back === null && typeof provider_state.state === 'string' && safeEqual(provider_state.state, state);
}

function isSameMfa(a: LoginFlow, b: LoginFlow): boolean {
  return a.mfa_module_id === b.mfa_module_id && a.mfa_attempts === b.mfa_attempts && a.mfa_state === b.mfa_state;
}

function isSamePlace(a: LoginFlow, b: LoginFlow): boolean {
  if (!isSameMfa(a, b)) return false;
  const isSamePage = a.page?.query === b.page?.query && a.page?.keep === b.page?.keep;
  return isSamePage && a.step_id === b.step_id && JSON.stringify(a.provider_state) === JSON.stringify(b.provider_state);
}

/**
 * Can be stored. Validity is checked at the end, but a text that cannot be a redirect URI is
 * refused now.
 */
function isStorable(text: string): boolean {
  return text.length <= MAX_REDIRECT_URI_LENGTH && !text.includes('\0') && text.isWellFormed();
}
