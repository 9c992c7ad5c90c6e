// Home Assistant's exact texts for errors (HA contract sections 1.2, 3 and 10). Clients may show
// them; no code reads them.

/** The default description of an error code. */
export const HOME_ASSISTANT_TEXTS = {
  invalid_json: 'Invalid JSON.',
  invalid_client_id: 'Invalid client id',
  invalid_redirect_uri: 'Invalid redirect URI',
  invalid_handler: 'Invalid handler specified',
  unknown_flow: 'Invalid flow specified',
  flow_in_progress: 'Flow request already in progress',
  ip_address_changed: 'IP address changed',
  invalid_input: 'User input malformed',
  invalid_code: 'Invalid code',
  credential_already_linked: 'Credential already linked',
  onboarding_done: 'User step already done',
  onboarding_required: 'Onboarding not finished',
  invalid_token_id: 'Received invalid token',
  unauthorized: 'Unauthorized',
} as const;

/** Why a login is blocked, after "Login blocked: ". */
export const BLOCK_TEXTS = {
  inactive: 'User is not active',
  no_request: 'No request available to validate local access',
  invalid_address: 'Invalid remote IP',
  not_local: 'User cannot authenticate remotely',
  second_factor_missing: 'A second factor is required',
  app_pending: 'App is waiting for approval',
  app_refused: 'App is not allowed',
  credential_linked: 'Credential already linked',
  too_many_waiting: 'Too many users are waiting for approval',
  new_users_refused: 'New users are not allowed',
} as const;
