// Package memberlist has the import path of hashicorp/memberlist and is nothing but other names for
// serf/compat/memberlist. A program that can't change its import lines, because they are those of
// the libraries that it uses, moves by a replace directive that names this folder.
package memberlist

import "serf/compat/memberlist"

// Versions and limits.
const (
	ProtocolVersionMin         = memberlist.ProtocolVersionMin
	ProtocolVersion2Compatible = memberlist.ProtocolVersion2Compatible
	ProtocolVersionMax         = memberlist.ProtocolVersionMax
	MetaMaxSize                = memberlist.MetaMaxSize
	LabelMaxSize               = memberlist.LabelMaxSize
)

// Kinds of events, states of members, and how to compress.
const (
	NodeJoin   = memberlist.NodeJoin
	NodeLeave  = memberlist.NodeLeave
	NodeUpdate = memberlist.NodeUpdate

	StateAlive   = memberlist.StateAlive
	StateSuspect = memberlist.StateSuspect
	StateDead    = memberlist.StateDead
	StateLeft    = memberlist.StateLeft

	CompressionAlgorithmLZW    = memberlist.CompressionAlgorithmLZW
	CompressionAlgorithmSnappy = memberlist.CompressionAlgorithmSnappy
)

// The types.
type (
	Address                 = memberlist.Address
	AliveDelegate           = memberlist.AliveDelegate
	Broadcast               = memberlist.Broadcast
	ChannelEventDelegate    = memberlist.ChannelEventDelegate
	Config                  = memberlist.Config
	CompressionAlgorithm    = memberlist.CompressionAlgorithm
	ConflictDelegate        = memberlist.ConflictDelegate
	Delegate                = memberlist.Delegate
	EventDelegate           = memberlist.EventDelegate
	IngestionAwareTransport = memberlist.IngestionAwareTransport
	Keyring                 = memberlist.Keyring
	Memberlist              = memberlist.Memberlist
	MergeDelegate           = memberlist.MergeDelegate
	MockAddress             = memberlist.MockAddress
	MockNetwork             = memberlist.MockNetwork
	MockTransport           = memberlist.MockTransport
	NamedBroadcast          = memberlist.NamedBroadcast
	NetTransport            = memberlist.NetTransport
	NetTransportConfig      = memberlist.NetTransportConfig
	NoPingResponseError     = memberlist.NoPingResponseError
	Node                    = memberlist.Node
	NodeAwareTransport      = memberlist.NodeAwareTransport
	NodeEvent               = memberlist.NodeEvent
	NodeEventType           = memberlist.NodeEventType
	NodeSelectionDelegate   = memberlist.NodeSelectionDelegate
	NodeState               = memberlist.NodeState
	NodeStateType           = memberlist.NodeStateType
	Packet                  = memberlist.Packet
	PingDelegate            = memberlist.PingDelegate
	TransmitLimitedQueue    = memberlist.TransmitLimitedQueue
	Transport               = memberlist.Transport
	UniqueBroadcast         = memberlist.UniqueBroadcast
)

// The functions. Go has other names for types and constants, but none for functions.
var (
	Create = memberlist.Create

	DefaultLANConfig   = memberlist.DefaultLANConfig
	DefaultWANConfig   = memberlist.DefaultWANConfig
	DefaultLocalConfig = memberlist.DefaultLocalConfig

	NewKeyring      = memberlist.NewKeyring
	ValidateKey     = memberlist.ValidateKey
	NewNetTransport = memberlist.NewNetTransport

	AddLabelHeaderToPacket      = memberlist.AddLabelHeaderToPacket
	AddLabelHeaderToStream      = memberlist.AddLabelHeaderToStream
	RemoveLabelHeaderFromPacket = memberlist.RemoveLabelHeaderFromPacket
	RemoveLabelHeaderFromStream = memberlist.RemoveLabelHeaderFromStream

	LogAddress       = memberlist.LogAddress
	LogConn          = memberlist.LogConn
	LogStringAddress = memberlist.LogStringAddress
	ParseCIDRs       = memberlist.ParseCIDRs
)
