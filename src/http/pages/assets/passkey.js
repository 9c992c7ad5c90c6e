// Answers passkey forms and shows passkey links. The server verifies the answer.
const FIELDS = ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle'];

const bytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
const named = (devices = []) => devices.map((device) => ({ ...device, id: bytes(device.id) }));

function request(options) {
  const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: named(options.allowCredentials) };
  return navigator.credentials.get({ publicKey });
}

function creation(options) {
  const user = { ...options.user, id: bytes(options.user.id) };
  const publicKey = { ...options, user, challenge: bytes(options.challenge), excludeCredentials: named(options.excludeCredentials) };
  return navigator.credentials.create({ publicKey });
}

function asJson({ id, rawId, type, response }) {
  const answer = {};
  for (const field of FIELDS) if (response[field]) answer[field] = text(response[field]);
  if (response.getTransports) answer.transports = response.getTransports();
  return JSON.stringify({ id, rawId: text(rawId), type, response: answer, clientExtensionResults: {} });
}

async function answer(form) {
  const { passkeyRequest, passkeyCreation } = form.dataset;
  const credential = passkeyCreation ? await creation(JSON.parse(passkeyCreation)) : await request(JSON.parse(passkeyRequest));
  form.elements.credential.value = asJson(credential);
  form.submit();
}

for (const form of document.querySelectorAll('form[data-passkey-request], form[data-passkey-creation]')) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const button = form.querySelector('button');
    const failed = form.querySelector('[data-passkey-failed]');
    button.disabled = true;
    failed.hidden = true;
    answer(form).catch(() => {
      failed.hidden = false;
      button.disabled = false;
    });
  });
}

if (window.isSecureContext && window.PublicKeyCredential) {
  for (const link of document.querySelectorAll('[data-needs-passkeys]')) link.hidden = false;
}
