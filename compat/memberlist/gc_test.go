package memberlist

import _ "serf/internal/systest/lazygc"
