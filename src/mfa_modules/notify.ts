// One-time codes by e-mail or webhook (HA contract 7.2). Each login gets a fresh secret (RFC 4226)
// for the duration of its flow. A message that is not delivered within a few seconds ends the flow.

import { randomInt } from 'node:crypto';
import { HOTP, Secret } from 'otpauth';
import { z } from 'zod';
import type { FormField } from '../domain/form.ts';
import type { JsonObject } from '../domain/json.ts';
import {
  type CommonMfaModuleConfig,
  type MfaModule,
  type MfaModuleType,
  normalizeCode,
  type SetupForm,
  type SetupStep,
  WRONG_CODE,
} from '../domain/mfa_module.ts';
import { safeEqual } from '../domain/secret.ts';
import { type Mailer, smtpConfig } from '../domain/smtp_config.ts';

const CODE: FormField[] = [{ type: 'string', name: 'code', required: true, kind: 'digits' }];
const SEND_MS = 5_000;
/** The name of the service that sends e-mail. */
const EMAIL = 'email';
const ADDRESS = /^[^\s@<>,;:"()[\]\\]{1,64}@[a-z0-9.-]{1,253}$/i;

const names = z.array(z.string().min(1).max(64)).max(100);

const config = z.object({
  /** A mail server other than `mail.smtp`; either enables the service `email`. */
  smtp: smtpConfig.optional(),
  /** By name, URLs that receive `target` and `message` as JSON. */
  webhooks: z
    .record(z.string().regex(/^[a-z0-9_-]{1,64}$/, 'must be named by 1 to 64 of a-z, 0-9, _ and -'), z.url({ protocol: /^https?$/ }))
    .default({}),
  /** The services offered; default: all. */
  include: names.optional(),
  /** Services never offered, regardless of `include`. */
  exclude: names.default([]),
  /** The message; {} is the code. */
  message: z
    .string()
    .max(1000)
    .refine((text) => text.includes('{}'), 'must contain {}, which becomes the code')
    .default('{} is your Latchkey login code'),
});

type Config = z.infer<typeof config>;

/** Sends a message; throws if it is not accepted. */
type Service = (target: string, text: string) => Promise<void>;

export const mfa_module: MfaModuleType<CommonMfaModuleConfig & Config> = {
  type: 'notify',
  default_name: 'Notify One-Time Password',
  config,
  create({ id, type, name = mfa_module.default_name, ...settings }, { mail }) {
    const services = servicesOf(settings, mail);
    const offered = [...services.keys()].filter((service) => isOffered(service, settings));

    /** Sends a new code; `state` is what its answer is checked against. */
    async function send({ service, target }: JsonObject): Promise<JsonObject> {
      const deliver = services.get(String(service));
      if (!deliver) throw new Error(`there is no service ${service}`);
      const state = { secret: new Secret({ size: 20 }).base32, counter: randomInt(2 ** 31) };
      await deliver(String(target), settings.message.replaceAll('{}', codeOf(state)));
      return state;
    }

    async function ask(route: JsonObject, errors: SetupForm['errors']): Promise<SetupStep> {
      try {
        const state = { ...route, ...(await send(route)) };
        const description_placeholders = { notify_service: String(route.service) };
        return { type: 'form', step_id: 'setup', data_schema: CODE, errors, description_placeholders, state };
      } catch (error) {
        return {
          type: 'abort',
          reason: services.has(String(route.service)) ? 'unknown_error' : 'notify_service_not_exist',
          detail: messageOf(error),
        };
      }
    }

    return {
      id,
      type,
      name,
      max_retries: 3,
      several: false,
      is_backup: false,
      challenges_once: false,
      delivers: true,
      data_schema: CODE,

      async challenge({ enrolments: [enrolment] }) {
        try {
          return { type: 'form', state: await send(enrolment?.secret ?? {}) };
        } catch (error) {
          return { type: 'abort', reason: 'unknown_error', detail: messageOf(error) };
        }
      },

      async verify({ enrolments: [enrolment], state, values }) {
        if (!enrolment || !safeEqual(codeOf(state), normalizeCode(values.code))) return WRONG_CODE;
        return { ok: true, enrolment_id: enrolment.id, secret: enrolment.secret, amr: ['otp'] };
      },

      async setup({ shown }) {
        if (!shown) return offered.length > 0 ? chooseForm(offered, {}) : { type: 'abort', reason: 'no_available_service' };
        const { form, values } = shown;
        if (form.step_id === 'init') {
          const { notify_service: service = '', target = '' } = values;
          if (service === EMAIL && !ADDRESS.test(target)) return chooseForm(offered, { base: 'invalid_target' });
          return ask({ service, target }, {});
        }
        const { service = '', target = '' } = form.state;
        if (!safeEqual(codeOf(form.state), normalizeCode(values.code))) return ask({ service, target }, { base: 'invalid_code' });
        return { type: 'enrolled', enrolment: { secret: { service, target } } };
      },
    } satisfies MfaModule;
  },
};

function chooseForm(offered: readonly string[], errors: SetupForm['errors']): SetupForm {
  const data_schema: FormField[] = [
    { type: 'select', name: 'notify_service', options: offered.map((service) => [service, service]), required: true },
    { type: 'string', name: 'target', required: false, optional: true },
  ];
  return { type: 'form', step_id: 'init', data_schema, errors, description_placeholders: {}, state: {} };
}

function isOffered(service: string, { include, exclude }: Config): boolean {
  return !exclude.includes(service) && (include === undefined || include.includes(service));
}

function codeOf({ secret, counter }: JsonObject): string {
  return HOTP.generate({ secret: Secret.fromBase32(String(secret)), counter: Number(counter) });
}

function servicesOf({ smtp, webhooks }: Config, mail: Mailer): ReadonlyMap<string, Service> {
  const services = Object.entries(webhooks).map(([name, url]) => [name, webhook(url)] as const);
  const email: Service = (to, text) => mail.send({ to, subject: text, text }, smtp);
  return new Map([...(smtp || mail.is_configured ? [[EMAIL, email] as const] : []), ...services]);
}

function webhook(url: string): Service {
  return async (target, message) => {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ target, message }),
      redirect: 'error',
      signal: AbortSignal.timeout(SEND_MS),
    });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`the webhook answered ${answer.status}`);
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
