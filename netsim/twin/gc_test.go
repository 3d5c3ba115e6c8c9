package twin

import _ "serf/internal/systest/lazygc"
