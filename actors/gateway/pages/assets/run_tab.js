// A page of a run without anything of its own that changes.
import { followRun } from "./run_head.js";

followRun();
