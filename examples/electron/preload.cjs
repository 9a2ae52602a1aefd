/** All that the page may ask of the main process. */
const { contextBridge, ipcRenderer } = require('electron');

contextBridge.exposeInMainWorld('engine', {
  draw: (label, seed) => ipcRenderer.invoke('draw', { label, seed }),
  onStep: (tell) => ipcRenderer.on('step', (_, step, steps) => tell(step, steps)),
});
