'use strict';
// Every text of the server's is set as textContent: a class may be called <script>.
const at = id => document.getElementById(id);
const token = new URLSearchParams(location.hash.slice(1)).get('token');
let latest = 0;

function made(name, text, parent) {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

function say(text, wrong) {
  at('said').textContent = text;
  at('said').className = wrong ? 'error' : '';
}

async function ask(file) {
  const number = ++latest;
  at('animals').replaceChildren();
  at('boxes').replaceChildren();
  if (at('shown').src) URL.revokeObjectURL(at('shown').src);
  at('shown').src = URL.createObjectURL(file);
  at('frame').hidden = false;
  say('Looking …');
  try {
    const answer = await fetch('predict?pictures=yes', {
      method: 'POST', body: file,
      headers: {'Content-Type': 'application/octet-stream', ...(token ? {Authorization: `Bearer ${token}`} : {})}});
    const content = await answer.json();
    if (number !== latest) return;  // another photograph was dropped meanwhile
    if (content.error) return say(content.error, true);
    show(content);
  } catch (error) {
    if (number === latest) say(`The server does not answer (${error.message}).`, true);
  }
}

function show(content) {
  const image = content.images[0], names = content.classification_categories;
  if (image.failure) return say(`This file cannot be read: ${image.failure}.`, true);
  const count = image.detections.length;
  say(count ? `${count} ${count === 1 ? 'animal' : 'animals'}.` : 'No animal was found.');
  at('boxes').setAttribute('viewBox', '0 0 1 1');
  at('boxes').setAttribute('preserveAspectRatio', 'none');
  for (const one of image.detections) {
    const box = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
    ['x', 'y', 'width', 'height'].forEach((name, i) => box.setAttribute(name, one.bbox[i]));
    at('boxes').append(box);
    const card = made('section', undefined, at('animals'));
    card.className = 'animal';
    made('h2', one.answer.level === 'none' ? 'Unsure' : `${named(one.answer.name)}, ${percent(one.answer.confidence)}`, card);
    if (one.answer.reason) made('p', one.answer.reason, card).className = 'soft';
    const pictures = made('div', undefined, card);
    pictures.className = 'pictures';
    for (const [key, words] of [['crop', 'what the classifier saw'], ['map', 'where its first answer comes from (Grad-CAM)']]) {
      if (!one[key]) continue;
      const figure = made('figure', undefined, pictures);
      const picture = made('img', undefined, figure);
      picture.src = one[key];
      picture.alt = words;
      made('figcaption', words, figure);
    }
    const scores = made('div', undefined, card);
    scores.className = 'scores';
    for (const [id, score] of one.classifications) {
      made('span', named(names[id]), scores);
      const bar = made('progress', undefined, scores);
      bar.max = 1;
      bar.value = score;
      made('span', percent(score), scores);
    }
  }
}

const named = name => name.replace(/^\d+\./, '').replaceAll('_', ' ');  // as the report shows classes
const percent = share => `${(100 * share).toFixed(1)} %`;

for (const name of ['dragover', 'dragleave', 'drop']) document.addEventListener(name, event => {
  event.preventDefault();
  at('drop').classList.toggle('over', name === 'dragover');
  if (name === 'drop' && event.dataTransfer.files.length) ask(event.dataTransfer.files[0]);
});
at('file').addEventListener('change', event => event.target.files.length && ask(event.target.files[0]));
fetch('health').then(answer => answer.json()).then(health => { at('row').textContent = health.row; });
