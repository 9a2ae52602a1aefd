import type { Command } from 'commander';
import { ArgumentError } from '../../errors.js';
import { saveEmbeddings, type TextEmbeddings } from '../../pipeline/text/embeddings.js';
import { textCondition } from '../../pipeline/text/textOptions.js';
import { interruptSignal } from '../exit.js';
import { note } from '../note.js';
import { requireFilePath } from '../outputPath.js';
import { addModelFlags, addOutputFlags, loadPipeline, type ModelFlags, type OutputFlags } from '../shared.js';
import { counted } from '../table.js';
import { addPromptFlags, addTextEncoderFlags, type TextFlags, textOptions } from '../textFlags.js';

interface EmbedFlags extends ModelFlags, OutputFlags, TextFlags {
  readonly out: string;
}

export function register(program: Command): void {
  const command = program
    .command('embed')
    .description('Write embeddings of prompts, for --embeddings and for programs that embed libincache.')
    .requiredOption('-o, --out <file>', 'a file .safetensors');
  addOutputFlags(addModelFlags(addTextEncoderFlags(addPromptFlags(command)))).action(runEmbed);
}

async function runEmbed(flags: EmbedFlags): Promise<void> {
  const { out } = flags;
  const text = textOptions(flags);
  requireFilePath('out', out);
  const signal = interruptSignal();
  await using pipeline = await loadPipeline(flags);
  if (!textCondition(pipeline.network))
    throw new ArgumentError('model', flags.model, 'a text-to-image model; this one takes labels');
  const notes: string[] = [];
  const embeddings = await pipeline.embed({ ...text, signal }, notes);
  for (const sentence of notes) note(sentence);
  saveEmbeddings(out, embeddings);
  process.stdout.write(
    flags.json ? `${JSON.stringify(report(out, embeddings))}\n` : summary(out, embeddings),
  );
}

function report(out: string, { prompts, negative = [] }: TextEmbeddings) {
  const tokens = prompts.map(({ length }) => length);
  return { out, tokens, negative: negative.map(({ length }) => length), width: prompts[0]!.width };
}

function summary(out: string, { prompts }: TextEmbeddings): string {
  const tokens = prompts.reduce((sum, { length }) => sum + length, 0);
  return `${out}: ${counted(prompts.length, 'prompt')}, ${counted(tokens, 'token')} of width ${prompts[0]!.width}\n`;
}
