// latchkey migrate: applies migrations separately from the server's start.
import { type CliCommand, type ConfigOption, withConfig, withContainer } from '../command.ts';

export const command: CliCommand = {
  declare(program, context) {
    withConfig(program.command('migrate'))
      .description('bring the database up to date, tables and configured groups; serve does so too')
      .action((options: ConfigOption) =>
        withContainer(
          context,
          options,
          async ({ applied_migrations, config, groups }) => {
            await groups.reconcile(config.groups);
            for (const name of applied_migrations) context.io.out(`applied ${name}\n`);
            if (applied_migrations.length === 0) context.io.out('The database was up to date\n');
          },
          { create: true },
        ),
      );
  },
};
