package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

type user struct {
	Password string `json:"password"`
	ReadOnly bool   `json:"read_only"`
}

type wantedHost struct {
	Name    string `json:"name"`
	Cluster string `json:"cluster"`
	Cores   int16  `json:"cores"`
	Mhz     int32  `json:"mhz"`
	RamMib  int64  `json:"ram_mib"`
}

type wantedDatastore struct {
	Name          string `json:"name"`
	CapacityBytes int64  `json:"capacity_bytes"`
	FreeBytes     int64  `json:"free_bytes"`
	// Those that mount it; empty: all.
	Hosts []string `json:"hosts"`
}

func contains(names []string, name string) bool {
	for _, each := range names {
		if each == name {
			return true
		}
	}
	return false
}

type wantedMachine struct {
	Name           string `json:"name"`
	Host           string `json:"host"`
	Datastore      string `json:"datastore"`
	GuestID        string `json:"guest_id"`
	Vcpus          int32  `json:"vcpus"`
	CoresPerSocket int32  `json:"cores_per_socket"`
	RamMib         int64  `json:"ram_mib"`
	ReservedMib    int64  `json:"reserved_mib"`
	CPUHotAdd      bool   `json:"cpu_hot_add"`
	MemoryHotAdd   bool   `json:"memory_hot_add"`
	Off            bool   `json:"off"`
	WithoutTools   bool   `json:"without_tools"`
}

// What the launcher builds; every host mounts every datastore.
type inventory struct {
	Users      map[string]user   `json:"users"`
	Hosts      []wantedHost      `json:"hosts"`
	Datastores []wantedDatastore `json:"datastores"`
	Machines   []wantedMachine   `json:"virtual_machines"`
}

// The world that the control endpoints look into.
type world struct {
	mutex      sync.Mutex
	client     *vim25.Client
	folder     string
	hosts      map[string]*simulator.HostSystem
	datastores map[string]*simulator.Datastore
	machines   map[string]*machine
	faults     []*fault
	calls      []call
	ended      map[string]bool
	readOnly   map[string]bool
	delay      time.Duration
}

func build(model *simulator.Model, wanted inventory, folder string) (*world, error) {
	client, err := vim25.NewClient(context.Background(), model.Service)
	if err != nil {
		return nil, err
	}
	w := &world{
		client: client, folder: folder,
		hosts:      map[string]*simulator.HostSystem{},
		datastores: map[string]*simulator.Datastore{},
		machines:   map[string]*machine{},
		ended:      map[string]bool{},
		readOnly:   map[string]bool{},
	}
	ctx := context.Background()
	datacenter, err := object.NewRootFolder(client).CreateDatacenter(ctx, "datacenter")
	if err != nil {
		return nil, err
	}
	folders, err := datacenter.Folders(ctx)
	if err != nil {
		return nil, err
	}
	pools, err := w.addHosts(ctx, folders, wanted.Hosts)
	if err != nil {
		return nil, err
	}
	for _, each := range wanted.Datastores {
		if err := w.addDatastore(ctx, each); err != nil {
			return nil, err
		}
	}
	for _, host := range w.hosts {
		stock := simulator.Map.Get(*host.ConfigManager.DatastoreSystem).(*simulator.HostDatastoreSystem)
		simulator.Map.Put(&datastoreSystem{HostDatastoreSystem: *stock, world: w})
	}
	for _, each := range wanted.Machines {
		if err := w.addMachine(ctx, folders, pools[each.Host], each); err != nil {
			return nil, fmt.Errorf("%s: %v", each.Name, err)
		}
	}
	return w, nil
}

func (w *world) addHosts(ctx context.Context, folders *object.DatacenterFolders, wanted []wantedHost) (map[string]*object.ResourcePool, error) {
	clusters := map[string]*object.ClusterComputeResource{}
	pools := map[string]*object.ResourcePool{}
	for _, each := range wanted {
		cluster := clusters[each.Cluster]
		if cluster == nil {
			made, err := folders.HostFolder.CreateCluster(ctx, each.Cluster, types.ClusterConfigSpecEx{})
			if err != nil {
				return nil, err
			}
			cluster, clusters[each.Cluster] = made, made
		}
		task, err := cluster.AddHost(ctx, types.HostConnectSpec{HostName: each.Name}, true, nil, nil)
		if err != nil {
			return nil, err
		}
		info, err := task.WaitForResult(ctx, nil)
		if err != nil {
			return nil, err
		}
		host := simulator.Map.Get(info.Result.(types.ManagedObjectReference)).(*simulator.HostSystem)
		host.Summary.Hardware.NumCpuCores = each.Cores
		host.Summary.Hardware.CpuMhz = each.Mhz
		host.Summary.Hardware.MemorySize = each.RamMib << 20
		host.Summary.QuickStats = types.HostListSummaryQuickStats{}
		w.hosts[each.Name] = host
		if pools[each.Name], err = cluster.ResourcePool(ctx); err != nil {
			return nil, err
		}
	}
	return pools, nil
}

func (w *world) addDatastore(ctx context.Context, wanted wantedDatastore) error {
	path := filepath.Join(w.folder, wanted.Name)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	var ref types.ManagedObjectReference
	var mounts []types.DatastoreHostMount
	for _, host := range w.hosts {
		system, err := object.NewHostSystem(w.client, host.Self).ConfigManager().DatastoreSystem(ctx)
		if err != nil {
			return err
		}
		made, err := system.CreateLocalDatastore(ctx, wanted.Name, path)
		if err != nil {
			return err
		}
		ref = made.Reference()
		if len(wanted.Hosts) == 0 || contains(wanted.Hosts, host.Name) {
			mounts = append(mounts, mountOn(host))
		}
	}
	// Each host's call made the object anew: the last one stands for all.
	datastore := simulator.Map.Get(ref).(*simulator.Datastore)
	datastore.Host = mounts
	datastore.Summary.MultipleHostAccess = types.NewBool(len(mounts) > 1)
	datastore.Summary.Capacity = wanted.CapacityBytes
	datastore.Summary.FreeSpace = wanted.FreeBytes
	asFiler(datastore)
	w.datastores[wanted.Name] = datastore
	return nil
}

// A datastore of the provider's is an NFS share, which hosts mount by its server and path.
func asFiler(datastore *simulator.Datastore) {
	info := *datastore.Info.GetDatastoreInfo()
	datastore.Summary.Type = string(types.HostFileSystemVolumeFileSystemTypeNFS)
	datastore.Info = &types.NasDatastoreInfo{
		DatastoreInfo: info,
		Nas: &types.HostNasVolume{
			HostFileSystemVolume: types.HostFileSystemVolume{Type: datastore.Summary.Type, Name: datastore.Name},
			RemoteHost:           filerAddress,
			RemotePath:           "/" + datastore.Name,
		},
	}
}

const filerAddress = "192.0.2.30"

// What mounts datastores on a host: of ours, by server and path; the stock one makes directories.
type datastoreSystem struct {
	simulator.HostDatastoreSystem
	world *world
}

// CreateNasDatastore mounts one that is there already on this host, too.
func (s *datastoreSystem) CreateNasDatastore(_ *simulator.Context, req *types.CreateNasDatastore) soap.HasFault {
	body := &methods.CreateNasDatastoreBody{}
	datastore := s.world.datastores[req.Spec.LocalPath]
	if datastore == nil || req.Spec.RemoteHost != filerAddress || req.Spec.RemotePath != "/"+req.Spec.LocalPath {
		body.Fault_ = simulator.Fault("", &types.PlatformConfigFault{Text: "no such share"})
		return body
	}
	for _, mount := range datastore.Host {
		if mount.Key == s.Host.Self {
			body.Fault_ = simulator.Fault("", &types.DuplicateName{Name: datastore.Name, Object: datastore.Self})
			return body
		}
	}
	datastore.Host = append(datastore.Host, mountOn(s.world.hosts[s.Host.Name]))
	body.Res = &types.CreateNasDatastoreResponse{Returnval: datastore.Self}
	return body
}

func mountOn(host *simulator.HostSystem) types.DatastoreHostMount {
	return types.DatastoreHostMount{
		Key: host.Self,
		MountInfo: types.HostMountInfo{
			AccessMode: string(types.HostMountModeReadWrite),
			Mounted:    types.NewBool(true),
			Accessible: types.NewBool(true),
		},
	}
}

func (w *world) addMachine(ctx context.Context, folders *object.DatacenterFolders, pool *object.ResourcePool, wanted wantedMachine) error {
	host := w.hosts[wanted.Host]
	if host == nil {
		return fmt.Errorf("no host %q", wanted.Host)
	}
	spec := types.VirtualMachineConfigSpec{
		Name:                wanted.Name,
		GuestId:             wanted.GuestID,
		NumCPUs:             wanted.Vcpus,
		NumCoresPerSocket:   wanted.CoresPerSocket,
		MemoryMB:            wanted.RamMib,
		CpuHotAddEnabled:    &wanted.CPUHotAdd,
		MemoryHotAddEnabled: &wanted.MemoryHotAdd,
		MemoryAllocation:    &types.ResourceAllocationInfo{Reservation: &wanted.ReservedMib},
		Files:               &types.VirtualMachineFileInfo{VmPathName: "[" + wanted.Datastore + "]"},
	}
	task, err := folders.VmFolder.CreateVM(ctx, spec, pool, object.NewHostSystem(w.client, host.Self))
	if err != nil {
		return err
	}
	info, err := task.WaitForResult(ctx, nil)
	if err != nil {
		return err
	}
	stock := simulator.Map.Get(info.Result.(types.ManagedObjectReference)).(*simulator.VirtualMachine)
	w.machines[wanted.Name] = w.adopt(stock, wanted)
	return nil
}
