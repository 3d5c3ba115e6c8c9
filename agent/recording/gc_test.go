package recording

import _ "serf/internal/systest/lazygc"
