module github.com/hashicorp/memberlist

go 1.26.0

require serf v0.0.0

require (
	github.com/hashicorp/go-immutable-radix v1.3.1 // indirect
	github.com/hashicorp/go-metrics v0.7.0 // indirect
	github.com/hashicorp/golang-lru v0.5.0 // indirect
)

replace serf => ../../../
