package driver

import _ "serf/internal/systest/lazygc"
