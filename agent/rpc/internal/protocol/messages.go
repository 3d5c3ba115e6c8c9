// Package protocol is what both ends of RPC share: the messages, their encoding, and a reader that
// takes whole messages off a connection.
package protocol

// Version is the only version of the protocol there has been.
const Version = 1

// What a refused request is answered with. Clients match on these texts.
const (
	TextUnsupportedCommand = "Unsupported command"
	TextUnsupportedVersion = "Unsupported IPC version"
	TextDuplicateHandshake = "Handshake already performed"
	TextHandshakeRequired  = "Handshake required"
	TextMonitorExists      = "Monitor already exists"
	TextInvalidFilter      = "Invalid event filter"
	TextStreamExists       = "Stream with given sequence exists"
	TextNoSuchQuery        = "No pending queries matching ID"
	TextAuthRequired       = "Authentication required"
	TextInvalidToken       = "Invalid authentication token"
	TextTooManyStreams     = "Too many streams"
)

// Commands.
const (
	CmdHandshake       = "handshake"
	CmdAuth            = "auth"
	CmdEvent           = "event"
	CmdForceLeave      = "force-leave"
	CmdJoin            = "join"
	CmdMembers         = "members"
	CmdMembersFiltered = "members-filtered"
	CmdTags            = "tags"
	CmdStream          = "stream"
	CmdMonitor         = "monitor"
	CmdStop            = "stop"
	CmdLeave           = "leave"
	CmdQuery           = "query"
	CmdRespond         = "respond"
	CmdInstallKey      = "install-key"
	CmdUseKey          = "use-key"
	CmdRemoveKey       = "remove-key"
	CmdListKeys        = "list-keys"
	CmdStats           = "stats"
	CmdCoordinate      = "get-coordinate"
	CmdHistory         = "history"
	CmdFlaps           = "flaps"
	CmdViews           = "views"
	CmdHistoryAll      = "history-all"
	CmdRoundTrips      = "round-trips"
)

// Types of the records that a query's answers come in.
const (
	RecordAck      = "ack"
	RecordResponse = "response"
	RecordDone     = "done"
)

// The fields of requests are in the order in which the original declares them, because some clients
// send a body as a list of them. All are written in the order of their names, as the original does.

type RequestHeader struct {
	Command string
	Seq     uint64
}

type ResponseHeader struct {
	Error string
	Seq   uint64
}

type HandshakeRequest struct{ Version int }

type AuthRequest struct{ AuthKey string }

type EventRequest struct {
	Name     string
	Payload  []byte
	Coalesce bool
}

type ForceLeaveRequest struct {
	Node  string
	Prune bool
}

type JoinRequest struct {
	Existing []string
	Replay   bool
}

type JoinResponse struct{ Num int }

type MembersFilteredRequest struct {
	Tags   map[string]string
	Status string
	Name   string
}

type TagsRequest struct {
	Tags       map[string]string
	DeleteTags []string
}

type StreamRequest struct{ Type string }

type MonitorRequest struct{ LogLevel string }

type StopRequest struct{ Stop uint64 }

type QueryRequest struct {
	FilterNodes []string
	FilterTags  map[string]string
	RequestAck  bool
	RelayFactor uint8
	Timeout     int64 // nanoseconds
	Name        string
	Payload     []byte
}

type QueryRecord struct {
	From    string
	Payload []byte
	Type    string
}

type RespondRequest struct {
	ID      uint64
	Payload []byte
}

type KeyRequest struct{ Key string }

type KeyResponse struct {
	Keys     map[string]int
	Messages map[string]string
	NumErr   int
	NumNodes int
	NumResp  int
}

type CoordinateRequest struct{ Node string }

type CoordinateResponse struct {
	Coord CoordinateBody
	Ok    bool
}

type CoordinateBody struct {
	Adjustment float64
	Error      float64
	Height     float64
	Vec        []float64
}

type LogRecord struct{ Log string }
