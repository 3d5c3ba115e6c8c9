package swim

import _ "serf/internal/systest/lazygc"
