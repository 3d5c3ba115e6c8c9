package conversation

import _ "serf/internal/systest/lazygc"
