// The app's side of a recipe, as commands print it: each file or page of settings under its name.
import type { AppSide, AppStep } from '../recipes/render.ts';
import { factLines } from './client_facts.ts';

export function appSideText({ server, steps, notes }: AppSide): string {
  const blocks = [
    ...(server === null ? [] : [block('The configuration of this server', server)]),
    ...steps.map((step) => block(step.where, stepText(step))),
    ...(notes.length === 0 ? [] : [block('To know', notes.map((note) => `- ${note}\n`).join(''))]),
  ];
  return blocks.join('\n');
}

function stepText(step: AppStep): string {
  return 'text' in step ? step.text : factLines(step.fields);
}

function block(title: string, text: string): string {
  return `== ${title}\n\n${text.trimEnd()}\n`;
}
