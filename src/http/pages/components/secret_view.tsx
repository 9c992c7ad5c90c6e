// Shows what a step displays once: an authenticator secret with its QR code, recovery codes, or
// where a message was sent.

import type { Language } from '../language.ts';

interface Props {
  language: Language;
  placeholders: Readonly<Record<string, string>>;
}

function AppSecret({ language, url, code, qr_code }: { language: Language; url: string; code: string; qr_code: string }) {
  const image = `data:image/svg+xml;base64,${Buffer.from(qr_code).toString('base64')}`;
  return (
    <>
      <p>{language.t('mfa.scan')}</p>
      <img class="qr" src={image} alt={language.t('mfa.qr_code')} width="220" height="220" />
      <p>
        <a href={url}>{language.t('mfa.open_app')}</a>
      </p>
      <p class="hint">{language.t('mfa.type_secret')}</p>
      <p>
        <code class="secret">{code.replace(/(.{4})(?=.)/g, '$1 ')}</code>
      </p>
    </>
  );
}

function RecoveryCodes({ language, codes }: { language: Language; codes: string }) {
  return (
    <>
      <p>{language.t('mfa.write_down')}</p>
      <ol class="codes" data-recovery-codes>
        {codes.split('\n').map((code) => (
          <li>
            <code>{code}</code>
          </li>
        ))}
      </ol>
      <p class="actions">
        <a
          class="button second"
          download="latchkey-recovery-codes.txt"
          href={`data:text/plain;charset=utf-8,${encodeURIComponent(`${codes}\n`)}`}
        >
          {language.t('mfa.download')}
        </a>
        <button type="button" class="second" data-copy-codes data-done={language.t('mfa.copied')} hidden>
          {language.t('mfa.copy')}
        </button>
        <button type="button" class="second" data-print-codes hidden>
          {language.t('mfa.print')}
        </button>
      </p>
    </>
  );
}

export function SecretView({ language, placeholders: { url, code, qr_code, codes, notify_service } }: Props) {
  if (url !== undefined && code !== undefined && qr_code !== undefined)
    return <AppSecret language={language} url={url} code={code} qr_code={qr_code} />;
  if (codes !== undefined) return <RecoveryCodes language={language} codes={codes} />;
  return notify_service === undefined ? null : <p>{language.t('mfa.sent', { name: notify_service })}</p>;
}
