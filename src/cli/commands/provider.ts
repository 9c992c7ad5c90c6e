// latchkey provider: tests a configured auth provider. Logs nobody in and writes only an audit
// event.
import { OPERATOR } from '../../accounts/actor.ts';
import { parseAddress } from '../../domain/network.ts';
import type { ProviderTestStep } from '../../login/provider_test.ts';
import { type CliCommand, type CliContext, type ConfigOption, type Io, withConfig, withContainer } from '../command.ts';
import { commandError, usageError } from '../exit.ts';
import { addPasswordOption, type PasswordOption } from '../password.ts';
import { answerForm, answerReturn, type PromptAnswers, readPromptAnswers } from '../step_prompt.ts';
import { stepLines } from '../step_report.ts';
import type { ListOption } from '../table.ts';

interface TestOptions extends ConfigOption, PasswordOption, ListOption {
  username?: string;
  from: string;
}

export const command: CliCommand = {
  declare(program, context) {
    const provider = program.command('provider').description('auth providers');
    withConfig(addPasswordOption(provider.command('test')))
      .description('log in at a provider without logging in: what it says, and who that would be')
      .argument('<provider>', 'its type, or type:id, such as ldap:office')
      .option('--username <username>', 'what to fill in, instead of being asked')
      .option('--from <address>', 'where the login is to come from', readAddress, '127.0.0.1')
      .option('--json', 'print each step as JSON')
      .action((name: string, options: TestOptions) => test(context, name, options));
  },
};

async function test(context: CliContext, provider: string, options: TestOptions): Promise<void> {
  const { io } = context;
  const given = await readPromptAnswers(io, options);
  await withContainer(context, options, async ({ tryProvider }) => {
    const ask = (values: Record<string, string> | null, flow_state: string | null) =>
      tryProvider({ provider, values, flow_state, remote_address: options.from, actor: OPERATOR });
    let step = await ask(null, null);
    let given_now: PromptAnswers | null = given;
    while (true) {
      report(io, options, step);
      if (step.type === 'identity') return;
      if (step.type === 'abort')
        throw commandError(`The login ended: ${step.reason}${step.detail === undefined ? '' : ` (${step.detail})`}`);
      // An answer given by options is used once; repeating it would be wrong again.
      const values = step.type === 'form' ? await answerForm(io, step, given_now) : await answerReturn(io);
      if (step.type === 'form') given_now = null;
      step = await ask(values, step.flow_state);
    }
  });
}

function report(io: Io, { json }: TestOptions, step: ProviderTestStep): void {
  const { flow_state: _, ...shown } = { flow_state: '', ...step };
  const lines = json === true ? [JSON.stringify(shown)] : stepLines(step);
  io.out(lines.map((line) => `${line}\n`).join(''));
}

function readAddress(text: string): string {
  if (parseAddress(text) === null) throw usageError('--from must be an IP address');
  return text;
}
