/** The page: it asks the main process for digits and shows them. */
const form = document.querySelector('form');
const line = document.querySelector('[role=status]');
const image = document.querySelector('img');

window.engine.onStep((step, steps) => {
  line.textContent = `Step ${step} of ${steps}`;
});

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const [label, seed] = ['label', 'seed'].map((name) => form.elements[name].valueAsNumber);
  const button = form.querySelector('button');
  button.disabled = true;
  try {
    const png = await window.engine.draw(label, seed);
    URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(new Blob([png], { type: 'image/png' }));
    image.alt = `The digit ${label}`;
    image.hidden = false;
    line.textContent = 'Done';
  } catch (error) {
    line.textContent = error.message;
  } finally {
    button.disabled = false;
  }
});
