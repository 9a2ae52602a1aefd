/** The page at `/`: a form, and what the server draws of it, step by step. */
export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>incache</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
  form { display: grid; grid-template-columns: auto 1fr; gap: .5rem 1rem; align-items: center; }
  input { font: inherit; padding: .3rem; }
  button { grid-column: 2; justify-self: start; font: inherit; padding: .3rem 1.5rem; }
  #images { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0; }
  img { width: 12rem; image-rendering: pixelated; background: #8882; }
</style>
<h1>incache</h1>
<form>
  <label for="prompt">Draw</label><input id="prompt" required maxlength="4000" placeholder="a prompt, or the name or number of a class">
  <label for="n">Images</label><input id="n" type="number" min="1" max="10" value="1">
  <label for="steps">Steps</label><input id="steps" type="number" min="1" placeholder="as the model">
  <label for="seed">Seed</label><input id="seed" type="number" min="0" placeholder="random">
  <label for="token">Token</label><input id="token" type="password" placeholder="where the server asks for one" autocomplete="off">
  <button>Draw</button>
</form>
<p id="state" role="status"></p>
<div id="images"></div>
<script>
  const field = (name) => document.getElementById(name).value;
  const state = document.getElementById('state');
  const say = (text) => { state.textContent = text; };
  document.querySelector('form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const images = Array.from({ length: Number(field('n')) || 1 }, () => new Image());
    document.getElementById('images').replaceChildren(...images);
    const body = { prompt: field('prompt'), n: images.length, stream: true, partial_images: 3 };
    for (const name of ['steps', 'seed']) if (field(name) !== '') body[name] = Number(field(name));
    const headers = { 'content-type': 'application/json' };
    if (field('token')) headers.authorization = 'Bearer ' + field('token');
    try {
      const response = await fetch('v1/images/generations', { method: 'POST', headers, body: JSON.stringify(body) });
      if (!response.ok) return say((await response.json()).error.message);
      let text = '';
      for (const reader = response.body.pipeThrough(new TextDecoderStream()).getReader(); ; ) {
        const { done, value } = await reader.read();
        if (done) break;
        const events = (text + value).split('\\n\\n');
        text = events.pop();
        for (const each of events) show(JSON.parse(each.slice(each.indexOf('data: ') + 6)), images);
      }
    } catch (error) {
      say(String(error.message));
    }
  });
  function show(event, images) {
    if (event.error) return say(event.error.message);
    if (event.steps) say('step ' + event.step + ' of ' + event.steps);
    if (event.b64_json) images[event.index].src = 'data:image/png;base64,' + event.b64_json;
    if (event.seed !== undefined) say('seed ' + event.seed);
  }
</script>
</html>
`;
