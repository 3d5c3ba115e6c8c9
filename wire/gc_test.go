package wire

import _ "serf/internal/systest/lazygc"
