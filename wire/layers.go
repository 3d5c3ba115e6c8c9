package wire

// Layers are what is around the messages of a packet. They are for whoever shows packets: nodes
// open them without knowing.
type Layers struct {
	Label      bool
	Key        int   // that opened it, see Scratch.Key; NoKey if it isn't encrypted
	Encryption uint8 // the version of encryption, with a key
	CRC        bool
	Compressed bool // as a whole
	Compound   bool // all messages, unless compressed
}

// LayersOf finds the layers of packet p. An error says why it can't be opened; what was found until
// then is valid.
func (s *Sealer) LayersOf(p []byte, sc *Scratch) (l Layers, err error) {
	sc.key, l.Key = NoKey, NoKey
	p, label, err := s.takeLabel(p)
	if err != nil {
		return l, err
	}
	l.Label = len(label) > 0
	inner, err := s.openCrypt(p, label, sc)
	if err != nil {
		return l, err
	}
	if l.Key = sc.key; l.Key != NoKey {
		l.Encryption = p[0]
	}
	l.CRC = len(inner) > 0 && Type(inner[0]) == TypeCRC
	if inner, err = openCRC(inner); err != nil {
		return l, err
	}
	l.Compressed = len(inner) > 0 && Type(inner[0]) == TypeCompress
	l.Compound = len(inner) > 0 && Type(inner[0]) == TypeCompound
	return l, nil
}
