package advice

import _ "serf/internal/systest/lazygc"
