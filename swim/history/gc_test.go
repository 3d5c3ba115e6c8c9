package history

import _ "serf/internal/systest/lazygc"
