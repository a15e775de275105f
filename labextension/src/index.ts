import { plugin } from './plugins';

export default plugin;
