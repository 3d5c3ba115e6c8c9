package http

import _ "serf/internal/systest/lazygc"
