package coord

import _ "serf/internal/systest/lazygc"
