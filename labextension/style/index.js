import './base.css';
import './gates.css';
