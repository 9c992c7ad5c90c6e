// latchkey config: validates a configuration without starting anything.
import { findConfigFile } from '../../config/load.ts';
import { configWarnings } from '../../config/warnings.ts';
import type { CliCommand } from '../command.ts';

export const command: CliCommand = {
  declare(program, { io, wiring }) {
    const config = program.command('config').description('the configuration');
    config
      .command('check')
      .description('report everything that is wrong with a configuration')
      .argument('[file]', 'configuration file (default: $LATCHKEY_CONFIG, else config.yaml where there is one)')
      .option('--config <file>', 'the same as the argument')
      .action(async (argument: string | undefined, options: { config?: string }) => {
        const file = argument ?? options.config ?? findConfigFile(io.env);
        const loaded = await wiring.loadConfig(file);
        for (const warning of configWarnings(loaded)) io.err(`Warning: ${warning}\n`);
        io.out(`${file ?? 'The configuration without a file'} is valid\n`);
      });
    config
      .command('schema')
      .description('print the JSON Schema of the configuration, for editors')
      .action(async () => io.out(`${JSON.stringify(await wiring.configSchema(), null, 2)}\n`));
  },
};
