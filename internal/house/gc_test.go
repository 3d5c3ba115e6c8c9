package house

import _ "serf/internal/systest/lazygc"
