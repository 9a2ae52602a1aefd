import type { Block, FusedPair, Group, Layer, Network, Sublayer } from './network.js';

/** A network of its blocks, with the lists that follow from them. */
export function defineNetwork(
  fields: Omit<Network, 'sublayers' | 'groups' | 'layers'> & { readonly blocks: readonly Block[] },
): Network {
  const sublayers = fields.blocks.flatMap((block) => block.sublayers);
  const groups = sublayers.flatMap((sublayer) => sublayer.groups);
  return { ...fields, sublayers, groups, layers: groups.flatMap((group) => group.layers) };
}

/** What a sublayer is made of: for each group its name, and its layers by what they are. */
export interface SublayerShape {
  readonly block: string;
  /** As in `mlp`. */
  readonly name: string;
  readonly groups: readonly GroupShape[];
  /** What the layers are that end it. Default: the last one. */
  readonly ends?: readonly string[];
  /** What the layers are that are calibrated as one; the pair has the sublayer's name. */
  readonly pair?: readonly [first: string, second: string];
  readonly products?: Sublayer['products'];
}

export interface GroupShape {
  /** As in `qkv`; of a group of one its layer. */
  readonly kind: string;
  /** What its layers are. Default: one, of the group's kind. */
  readonly layers?: readonly string[];
  /** Ci and Co of each layer. */
  readonly inputs: number;
  readonly outputs: number;
  readonly stream: string;
  /** The tensor of the checkpoint that holds their weights one behind another, and nothing else. */
  readonly tensor: string;
}

/** The sublayer `<block>.<name>` with layers `<block>.<kind>`. */
export function defineSublayer(shape: SublayerShape): Sublayer {
  const sublayer = `${shape.block}.${shape.name}`;
  const groups = shape.groups.map((group) => groupOf(group, shape.block, sublayer));
  const layers = groups.flatMap((group) => group.layers);
  const find = (kind: string): Layer => layers.find((layer) => layer.kind === kind)!;
  const { ends = [layers.at(-1)!.kind], pair, products = () => 0 } = shape;
  const pairs: FusedPair[] = pair ? [{ name: sublayer, first: find(pair[0]), second: find(pair[1]) }] : [];
  return {
    name: sublayer,
    kind: shape.name,
    block: shape.block,
    groups,
    ends: ends.map(find),
    pairs,
    products,
  };
}

function groupOf(shape: GroupShape, block: string, sublayer: string): Group {
  const { kind, layers = [kind], inputs, outputs, stream, tensor } = shape;
  return {
    name: `${block}.${kind}`,
    kind,
    layers: layers.map((own, place) => ({
      name: `${block}.${own}`,
      block,
      sublayer,
      group: `${block}.${kind}`,
      kind: own,
      inputs,
      outputs,
      stream,
      weight: { tensor, first: place * outputs, rows: layers.length * outputs },
    })),
  };
}
