/** Entry of the hashed bundle: what a page or a notebook's loader stub imports by address. */
export { mountViewer, storeFacts } from './viewer';
export { render } from './widget';
