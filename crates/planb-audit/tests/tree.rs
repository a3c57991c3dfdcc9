//! The tree against the published vectors of RFC 6962, and its proofs against
//! every smaller and changed tree.

use planb_audit::Hash;
use planb_audit::tree::{Frontier, consistency, continues, includes, inclusion, root};
use proptest::prelude::*;

/// Entries and roots of Certificate Transparency's reference tests.
const LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[test]
fn roots_are_those_of_the_reference() {
    let leaves: Vec<Hash> = LEAVES.iter().map(|leaf| Hash::leaf(leaf)).collect();
    for (size, expected) in ROOTS.iter().enumerate() {
        assert_eq!(root(&leaves[..size]).hex(), *expected, "{size} entries");
    }
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|n| Hash::leaf(&n.to_be_bytes())).collect()
}

#[test]
fn a_frontier_goes_on_where_it_was_kept() {
    let all = leaves(40);
    let mut frontier = Frontier::default();
    for (size, leaf) in all.iter().enumerate() {
        let kept = frontier.to_bytes();
        frontier = Frontier::from_bytes(size as u64, &kept).expect("as it was");
        assert_eq!(Frontier::from_bytes(size as u64 + 1, &kept).is_some(), {
            (size as u64).count_ones() == (size as u64 + 1).count_ones()
        });
        frontier.push(*leaf);
        assert_eq!(frontier.root(), root(&all[..=size]));
    }
}

proptest! {
    #[test]
    fn every_entry_is_proven_and_no_other(size in 1usize..70, index in 0usize..70, other in 0usize..70) {
        let all = leaves(size);
        let (index, other) = (index % size, other % size);
        let path = inclusion(&all, index);
        let of = |leaf: usize, at: usize| includes(root(&all), size as u64, all[leaf], at as u64, &path);
        prop_assert!(of(index, index));
        prop_assert_eq!(of(other, index), other == index);
        prop_assert!(!includes(root(&all), size as u64, all[index], size as u64, &path));
        let mut longer = path.clone();
        longer.push(Hash::empty());
        prop_assert!(!includes(root(&all), size as u64, all[index], index as u64, &longer));
    }

    #[test]
    fn every_beginning_is_proven_and_nothing_else(new in 1usize..70, old in 1usize..70, changed in 0usize..70) {
        let (old, all) = (old.min(new), leaves(new));
        let proof = consistency(&all, old);
        let ends = ((old as u64, root(&all[..old])), (new as u64, root(&all)));
        prop_assert!(continues(ends.0, ends.1, &proof));
        let mut other = all.clone();
        other[changed % old] = Hash::leaf(b"changed");
        prop_assert!(!continues((old as u64, root(&other[..old])), ends.1, &proof));
        prop_assert!(!continues(ends.0, (new as u64, root(&other)), &proof));
        if new > old {
            prop_assert!(!continues(ends.1, ends.0, &proof), "a longer tree is no beginning");
        }
    }
}
