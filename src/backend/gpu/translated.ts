/** The kernels of `gpujs`, as gpu.js translated them to WGSL. Made by npm run gpu:kernels. */
// biome-ignore-all format: made by a program
export const HELPERS = `fn swish(user_x : f32, user_slope : f32) -> f32 {
return (user_x/(1.0+exp(min(((-user_slope)*user_x), 80.0))));
}
fn geluErf(user_x : f32) -> f32 {
var user_a : f32 = min(abs(user_x), 12.0);
var user_t : f32 = (1.0/(1.0+(0.26*user_a)));
var user_p : f32 = (((-0.07566268231)*user_t)+0.2393157275);
user_p=((user_p*user_t)-0.122418778);
user_p=((user_p*user_t)+0.1791129903);
user_p=((user_p*user_t)+0.06786569917);
user_p=((user_p*user_t)+0.1083746775);
user_p=((user_p*user_t)+0.1034122244);
return (max(user_x, 0.0)-(((user_a*user_p)*user_t)*exp((((-0.5)*user_a)*user_a))));
}
fn geluTanh(user_x : f32) -> f32 {
var user_u : f32 = (user_x*(1.5957691216057+((0.0713548162726*user_x)*user_x)));
return (user_x/(1.0+exp(min((-user_u), 80.0))));
}
fn activation(user_x : f32, user_kind : i32) -> f32 {
var user_y : f32 = user_x;
if ((user_kind==1)) {
user_y=geluTanh(user_x);
}
if ((user_kind==2)) {
user_y=geluErf(user_x);
}
if ((user_kind==3)) {
user_y=swish(user_x, 1.702);
}
if ((user_kind==4)) {
user_y=swish(user_x, 1.0);
}
return user_y;
}
fn remainder(a: i32, b: i32) -> i32 { return a % b; }
fn quotient(a: i32, b: i32) -> i32 { return a / b; }`;

export const TRANSLATED = {
  activate: {
    matrices: ['x'],
    integers: ['kind'],
    floats: [],
    body: `give(activation(get_x(i32(threadGid.y), i32(threadGid.x)), params.kind)); return;`,
  },
  add: {
    matrices: ['x', 'y'],
    integers: ['period'],
    floats: [],
    body: `give((get_x(i32(threadGid.y), i32(threadGid.x))+get_y(i32(remainder(i32(threadGid.y), params.period)), i32(threadGid.x)))); return;`,
  },
  epilogue: {
    matrices: ['x', 'gate', 'residual'],
    integers: ['rowsPerGate', 'kind'],
    floats: [],
    body: `var user_y : f32 = activation(get_x(i32(threadGid.y), i32(threadGid.x)), params.kind);
var user_g : f32 = get_gate(i32(quotient(i32(threadGid.y), params.rowsPerGate)), i32(threadGid.x));
give((get_residual(i32(threadGid.y), i32(threadGid.x))+(user_g*user_y))); return;`,
  },
  geluIncrement: {
    matrices: ['x', 'cached'],
    integers: ['kind'],
    floats: [],
    body: `var user_c : f32 = get_cached(i32(threadGid.y), i32(threadGid.x));
give((activation((user_c+get_x(i32(threadGid.y), i32(threadGid.x))), params.kind)-activation(user_c, params.kind))); return;`,
  },
  linearCombination: {
    matrices: ['x0', 'x1', 'x2', 'x3'],
    integers: [],
    floats: ['c0', 'c1', 'c2', 'c3'],
    body: `var user_i : f32 = f32(i32(threadGid.y));
var user_j : f32 = f32(i32(threadGid.x));
give(((((params.c0*get_x0(i32(user_i), i32(user_j)))+(params.c1*get_x1(i32(user_i), i32(user_j))))+(params.c2*get_x2(i32(user_i), i32(user_j))))+(params.c3*get_x3(i32(user_i), i32(user_j))))); return;`,
  },
  rotate: {
    matrices: ['x', 'cos', 'sin'],
    integers: ['half', 'period', 'interleaved'],
    floats: [],
    body: `var user_head : f32 = f32(quotient(i32(threadGid.x), (2*params.half)));
var user_place : f32 = f32(remainder(i32(threadGid.x), (2*params.half)));
var user_pair : f32 = f32(remainder(i32(user_place), params.half));
var user_second : f32 = f32(quotient(i32(user_place), params.half));
var user_a : f32 = ((f32((2*params.half))*user_head)+user_pair);
var user_b : f32 = (user_a+f32(params.half));
if ((params.interleaved==1)){
user_pair=f32(quotient(i32(user_place), 2));user_second=f32(remainder(i32(user_place), 2));user_a=((f32((2*params.half))*user_head)+(2.0*user_pair));user_b=(user_a+1.0);}
var user_row : f32 = f32(remainder(i32(threadGid.y), params.period));
var user_c : f32 = get_cos(i32(user_row), i32(user_pair));
var user_s : f32 = get_sin(i32(user_row), i32(user_pair));
if ((user_second==1.0)) {
give(((get_x(i32(threadGid.y), i32(user_a))*user_s)+(get_x(i32(threadGid.y), i32(user_b))*user_c))); return;
}
give(((get_x(i32(threadGid.y), i32(user_a))*user_c)-(get_x(i32(threadGid.y), i32(user_b))*user_s))); return;`,
  },
  gatherRows: {
    matrices: ['table', 'index'],
    integers: [],
    floats: [],
    body: `give(get_table(i32(get_index(i32(threadGid.y), 0)), i32(threadGid.x))); return;`,
  },
  patchify: {
    matrices: ['x'],
    integers: ['height', 'width', 'side', 'across', 'perImage'],
    floats: [],
    body: `var user_token : f32 = f32(remainder(i32(threadGid.y), params.perImage));
var user_channel : f32 = f32(quotient(i32(threadGid.x), (params.side*params.side)));
var user_place : f32 = f32(remainder(i32(threadGid.x), (params.side*params.side)));
var user_row : f32 = f32(((quotient(i32(user_token), params.across)*params.side)+quotient(i32(user_place), params.side)));
var user_column : f32 = f32(((remainder(i32(user_token), params.across)*params.side)+remainder(i32(user_place), params.side)));
give(get_x(i32(quotient(i32(threadGid.y), params.perImage)), i32(((((user_channel*f32(params.height))+user_row)*f32(params.width))+user_column)))); return;`,
  },
  timestepEmbedding: {
    matrices: ['x', 'f'],
    integers: ['half'],
    floats: [],
    body: `var user_j : f32 = f32(remainder(i32(threadGid.x), params.half));
var user_t : f32 = get_x(i32(threadGid.y), 0);
var user_whole : f32 = floor(user_t);
var user_rest : f32 = (user_t-user_whole);
var user_coarse : f32 = (floor((user_rest*4096.0))/4096.0);
var user_fine : f32 = (user_rest-user_coarse);
var user_turns : f32 = (user_whole*get_f(0, i32(user_j)));
user_turns=(user_turns-floor(user_turns));
var user_low : f32 = (user_whole*get_f(1, i32(user_j)));
user_low=(user_low-floor(user_low));
user_turns=(((((user_turns+user_low)+(user_whole*get_f(2, i32(user_j))))+(user_coarse*get_f(0, i32(user_j))))+(user_coarse*get_f(1, i32(user_j))))+(user_fine*get_f(0, i32(user_j))));
user_turns=(user_turns-floor(user_turns));
var user_quarter : f32 = floor(((4.0*user_turns)+0.5));
var user_angle : f32 = (6.283185307179586*(user_turns-(0.25*user_quarter)));
var user_a2 : f32 = (user_angle*user_angle);
var user_sin : f32 = (user_angle*(1.0-(user_a2*(0.16666667-(user_a2*(0.0083333333-(user_a2*(0.0001984127-(user_a2*0.0000027557319)))))))));
var user_cos : f32 = (1.0-(user_a2*(0.5-(user_a2*(0.041666667-(user_a2*(0.0013888889-(user_a2*(0.000024801587-(user_a2*2.7557319e-7))))))))));
if ((i32(threadGid.x)>=params.half)) {
user_quarter=(user_quarter+3.0);
}
user_quarter=(user_quarter-(4.0*floor((0.25*user_quarter))));
var user_y : f32 = user_cos;
if ((user_quarter>0.5)) {
user_y=(-user_sin);
}
if ((user_quarter>1.5)) {
user_y=(-user_cos);
}
if ((user_quarter>2.5)) {
user_y=user_sin;
}
give(user_y); return;`,
  },
  unpatchify: {
    matrices: ['x'],
    integers: ['channels', 'height', 'width', 'side', 'across', 'perImage'],
    floats: [],
    body: `var user_channel : f32 = f32(quotient(i32(threadGid.x), (params.height*params.width)));
var user_row : f32 = f32(quotient(remainder(i32(threadGid.x), (params.height*params.width)), params.width));
var user_column : f32 = f32(remainder(i32(threadGid.x), params.width));
var user_token : f32 = f32((((i32(threadGid.y)*params.perImage)+(quotient(i32(user_row), params.side)*params.across))+quotient(i32(user_column), params.side)));
var user_place : f32 = f32(((remainder(i32(user_row), params.side)*params.side)+remainder(i32(user_column), params.side)));
give(get_x(i32(user_token), i32(((user_place*f32(params.channels))+user_channel)))); return;`,
  },
  attend: {
    matrices: ['scores', 'sums', 'v', 'keyLengths'],
    integers: ['allKeys', 'heads', 'queryLength', 'keyLength', 'width', 'causal'],
    floats: [],
    body: `var user_image : f32 = f32(quotient(i32(threadGid.y), params.queryLength));
var user_query : f32 = f32(remainder(i32(threadGid.y), params.queryLength));
var user_row : f32 = ((((user_image*f32(params.heads))+f32(quotient(i32(threadGid.x), params.width)))*f32(params.queryLength))+user_query);
var user_keys : f32 = (f32(params.allKeys)+get_keyLengths(i32(user_image), 0));
if ((params.causal==1)) {
user_keys=min(user_keys, (user_query+1.0));
}
var user_largest : f32 = get_sums(i32(user_row), 0);
var user_sum : f32 = 0.0;
var user_key : i32 = 0;
for (var safeI : i32 = 0;safeI<LOOP_MAX;safeI++){
if (!((f32(user_key)<user_keys))) { break; }
var user_weight : f32 = exp(max((get_scores(i32(user_row), i32(user_key))-user_largest), (-100.0)));user_sum+=(user_weight*get_v(i32(((user_image*f32(params.keyLength))+f32(user_key))), i32(threadGid.x)));
user_key++;}
give((user_sum/get_sums(i32(user_row), 1))); return;`,
  },
  convolution: {
    matrices: ['x', 'weight', 'bias', 'residual'],
    integers: ['channels', 'height', 'width', 'down', 'across', 'kernel', 'stride', 'upsample', 'padTop', 'padLeft', 'kind'],
    floats: [],
    body: `var user_image : f32 = f32(quotient(i32(threadGid.y), (params.down*params.across)));
var user_place : f32 = f32(remainder(i32(threadGid.y), (params.down*params.across)));
var user_top : f32 = f32(((quotient(i32(user_place), params.across)*params.stride)-params.padTop));
var user_left : f32 = f32(((remainder(i32(user_place), params.across)*params.stride)-params.padLeft));
var user_sum : f32 = get_bias(0, i32(threadGid.x));
var user_tap : i32 = 0;
for (var safeI2 : i32 = 0;safeI2<LOOP_MAX;safeI2++){
if (!((user_tap<(params.kernel*params.kernel)))) { break; }
var user_row : f32 = (user_top+f32(quotient(user_tap, params.kernel)));var user_column : f32 = (user_left+f32(remainder(user_tap, params.kernel)));if (((((user_row>=0.0)&&(user_row<f32((params.height*params.upsample))))&&(user_column>=0.0))&&(user_column<f32((params.width*params.upsample))))){
var user_pixel : f32 = ((((user_image*f32(params.height))+f32(quotient(i32(user_row), params.upsample)))*f32(params.width))+f32(quotient(i32(user_column), params.upsample)));var user_c : i32 = 0;
for (var safeI : i32 = 0;safeI<LOOP_MAX;safeI++){
if (!((user_c<params.channels))) { break; }
user_sum+=(get_x(i32(user_pixel), i32(user_c))*get_weight(i32(threadGid.x), i32((((user_c*params.kernel)*params.kernel)+user_tap))));
user_c++;}
}
user_tap++;}
give((get_residual(i32(threadGid.y), i32(threadGid.x))+activation(user_sum, params.kind))); return;`,
  },
  product: {
    matrices: ['x', 'minus', 'weight', 'bias', 'base'],
    integers: ['depth'],
    floats: ['share'],
    body: `var user_sum : f32 = 0.0;
var user_k : i32 = 0;
for (var safeI : i32 = 0;safeI<LOOP_MAX;safeI++){
if (!((user_k<params.depth))) { break; }
user_sum+=((get_x(i32(threadGid.y), i32(user_k))-get_minus(i32(threadGid.y), i32(user_k)))*get_weight(i32(threadGid.x), i32(user_k)));
user_k++;}
give(((user_sum+get_bias(0, i32(threadGid.x)))+(params.share*get_base(i32(threadGid.y), i32(threadGid.x))))); return;`,
  },
  scores: {
    matrices: ['q', 'k', 'bias', 'keyBias'],
    integers: ['heads', 'queryLength', 'keyLength', 'width'],
    floats: ['scale'],
    body: `var user_image : f32 = f32(quotient(i32(threadGid.y), (params.heads*params.queryLength)));
var user_row : f32 = f32(remainder(i32(threadGid.y), (params.heads*params.queryLength)));
var user_first : f32 = f32((quotient(i32(user_row), params.queryLength)*params.width));
var user_query : f32 = ((user_image*f32(params.queryLength))+f32(remainder(i32(user_row), params.queryLength)));
var user_key : f32 = ((user_image*f32(params.keyLength))+f32(i32(threadGid.x)));
var user_dot : f32 = 0.0;
var user_d : i32 = 0;
for (var safeI : i32 = 0;safeI<LOOP_MAX;safeI++){
if (!((user_d<params.width))) { break; }
user_dot+=(get_q(i32(user_query), i32((user_first+f32(user_d))))*get_k(i32(user_key), i32((user_first+f32(user_d)))));
user_d++;}
give((((params.scale*user_dot)+get_bias(i32(user_row), i32(threadGid.x)))+get_keyBias(i32(user_image), i32(threadGid.x)))); return;`,
  },
  softmaxSums: {
    matrices: ['scores', 'keyLengths'],
    integers: ['allKeys', 'rowsPerImage', 'queryLength', 'causal'],
    floats: [],
    body: `var user_keys : f32 = (f32(params.allKeys)+get_keyLengths(i32(quotient(i32(threadGid.y), params.rowsPerImage)), 0));
if ((params.causal==1)) {
user_keys=min(user_keys, f32((remainder(i32(threadGid.y), params.queryLength)+1)));
}
var user_largest : f32 = get_scores(i32(threadGid.y), 0);
var user_i : i32 = 1;
for (var safeI : i32 = 0;safeI<LOOP_MAX;safeI++){
if (!((f32(user_i)<user_keys))) { break; }
user_largest=max(user_largest, get_scores(i32(threadGid.y), i32(user_i)));
user_i++;}
var user_sum : f32 = 0.0;
var user_j : i32 = 0;
for (var safeI2 : i32 = 0;safeI2<LOOP_MAX;safeI2++){
if (!((f32(user_j)<user_keys))) { break; }
user_sum+=exp(max((get_scores(i32(threadGid.y), i32(user_j))-user_largest), (-100.0)));
user_j++;}
if ((i32(threadGid.x)==1)) {
user_largest=user_sum;
}
give(user_largest); return;`,
  },
  channelStatistics: {
    matrices: ['x', 'previous'],
    integers: ['tokens'],
    floats: [],
    body: `var user_sum : f32 = 0.0;
var user_i : i32 = 0;
for (var safeI : i32 = 0;safeI<LOOP_MAX;safeI++){
if (!((user_i<params.tokens))) { break; }
var user_row : f32 = f32(((i32(threadGid.y)*params.tokens)+user_i));user_sum+=abs((get_x(i32(user_row), i32(threadGid.x))-get_previous(i32(user_row), i32(threadGid.x))));
user_i++;}
give((user_sum/f32(params.tokens))); return;`,
  },
  groupSquares: {
    matrices: ['x', 'sums'],
    integers: ['width', 'span'],
    floats: ['share'],
    body: `var user_mean : f32 = (params.share*get_sums(i32(quotient(i32(threadGid.y), params.span)), i32(threadGid.x)));
var user_sum : f32 = 0.0;
var user_j : i32 = 0;
for (var safeI : i32 = 0;safeI<LOOP_MAX;safeI++){
if (!((user_j<params.width))) { break; }
var user_d : f32 = (get_x(i32(threadGid.y), i32(((i32(threadGid.x)*params.width)+user_j)))-user_mean);user_sum+=(user_d*user_d);
user_j++;}
give(user_sum); return;`,
  },
  groupSums: {
    matrices: ['x'],
    integers: ['width'],
    floats: [],
    body: `var user_sum : f32 = 0.0;
var user_j : i32 = 0;
for (var safeI : i32 = 0;safeI<LOOP_MAX;safeI++){
if (!((user_j<params.width))) { break; }
user_sum+=get_x(i32(threadGid.y), i32(((i32(threadGid.x)*params.width)+user_j)));
user_j++;}
give(user_sum); return;`,
  },
  normalize: {
    matrices: ['x', 'sums', 'squares', 'gain', 'bias', 'scale', 'shift'],
    integers: ['width', 'span', 'gains', 'biases', 'rowsPerScale', 'kind'],
    floats: ['share', 'epsilon'],
    body: `var user_i : f32 = f32(i32(threadGid.y));
var user_j : f32 = f32(i32(threadGid.x));
var user_group : f32 = f32(quotient(i32(user_j), params.width));
var user_block : f32 = f32(quotient(i32(user_i), params.span));
var user_mean : f32 = (params.share*get_sums(i32(user_block), i32(user_group)));
var user_inverse : f32 = (1.0/sqrt(((params.share*get_squares(i32(user_block), i32(user_group)))+params.epsilon)));
var user_image : f32 = f32(quotient(i32(user_i), params.rowsPerScale));
var user_n : f32 = ((((get_x(i32(user_i), i32(user_j))-user_mean)*user_inverse)*get_gain(0, i32(remainder(i32(user_j), params.gains))))+get_bias(0, i32(remainder(i32(user_j), params.biases))));
give(activation(((user_n*(1.0+get_scale(i32(user_image), i32(user_j))))+get_shift(i32(user_image), i32(user_j))), params.kind)); return;`,
  },
  relativeDistance: {
    matrices: ['sums', 'infinite'],
    integers: ['norm'],
    floats: [],
    body: `var user_a : f32 = get_sums(0, 0);
var user_b : f32 = get_sums(0, 1);
if ((params.norm==2)){
user_a=sqrt(user_a);user_b=sqrt(user_b);}
var user_y : f32 = get_infinite(0, 0);
if ((user_b>0.0)) {
user_y=(user_a/user_b);
}
if ((user_a==0.0)) {
user_y=0.0;
}
give(user_y); return;`,
  },
  rowDistances: {
    matrices: ['x', 'previous'],
    integers: ['columns', 'norm'],
    floats: [],
    body: `var user_sum : f32 = 0.0;
var user_j : i32 = 0;
for (var safeI : i32 = 0;safeI<LOOP_MAX;safeI++){
if (!((user_j<params.columns))) { break; }
var user_d : f32 = get_previous(i32(threadGid.y), i32(user_j));if ((i32(threadGid.x)==0)) {
user_d=(get_x(i32(threadGid.y), i32(user_j))-user_d);
}
if ((params.norm==2)) {
user_sum+=(user_d*user_d);
}
else  {
user_sum+=abs(user_d);
}
user_j++;}
give(user_sum); return;`,
  },
  secondMoment: {
    matrices: ['x', 'previous'],
    integers: ['rows'],
    floats: [],
    body: `var user_sum : f32 = 0.0;
var user_i : i32 = 0;
for (var safeI : i32 = 0;safeI<LOOP_MAX;safeI++){
if (!((user_i<params.rows))) { break; }
var user_a : f32 = (get_x(i32(user_i), i32(threadGid.y))-get_previous(i32(user_i), i32(threadGid.y)));var user_b : f32 = (get_x(i32(user_i), i32(threadGid.x))-get_previous(i32(user_i), i32(threadGid.x)));user_sum+=(user_a*user_b);
user_i++;}
give(user_sum); return;`,
  },
  sumRows: {
    matrices: ['x'],
    integers: ['span', 'chunk', 'parts'],
    floats: [],
    body: `var user_first : f32 = f32((remainder(i32(threadGid.y), params.parts)*params.chunk));
var user_block : f32 = f32((quotient(i32(threadGid.y), params.parts)*params.span));
var user_count : f32 = min(f32(params.chunk), (f32(params.span)-user_first));
var user_sum : f32 = 0.0;
for (var user_i : i32 = 0;(f32(user_i)<user_count);user_i++){
user_sum+=get_x(i32(((user_block+user_first)+f32(user_i))), i32(threadGid.x));}
give(user_sum); return;`,
  },
} as const;
