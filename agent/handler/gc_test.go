package handler

import _ "serf/internal/systest/lazygc"
