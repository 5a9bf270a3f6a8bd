// What each page has: times in the reader's zone, and keys.
import { localise } from "./times.js";
import { useKeys } from "./keys.js";

localise(document);
setInterval(() => localise(document), 10_000);
useKeys();
