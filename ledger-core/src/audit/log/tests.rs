use super::*;

/// The definitions of RFC 6962 section 2.1, word for word.
mod naive {
    use super::*;

    pub fn root(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => Digest::sha256(&[]),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(power_below(leaves.len()));
                Digest::sha256(&[&[1], &root(left).0, &root(right).0])
            }
        }
    }

    pub fn path(index: usize, leaves: &[Digest]) -> Vec<Digest> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let middle = power_below(leaves.len());
        let (left, right) = leaves.split_at(middle);
        let (mut nodes, sibling) =
            if index < middle { (path(index, left), right) } else { (path(index - middle, right), left) };
        nodes.push(root(sibling));
        nodes
    }

    pub fn subproof(old: usize, leaves: &[Digest], whole: bool) -> Vec<Digest> {
        if old == leaves.len() {
            return if whole { Vec::new() } else { vec![root(leaves)] };
        }
        let middle = power_below(leaves.len());
        let (left, right) = leaves.split_at(middle);
        let (mut nodes, sibling) = if old <= middle {
            (subproof(old, left, whole), right)
        } else {
            (subproof(old - middle, right, false), left)
        };
        nodes.push(root(sibling));
        nodes
    }

    fn power_below(length: usize) -> usize {
        let mut power = 1;
        while power * 2 < length {
            power *= 2;
        }
        power
    }
}

fn leaves(n: u64) -> Vec<Digest> {
    (0..n).map(|index| leaf_hash(&index.to_le_bytes())).collect()
}

fn log(leaves: &[Digest]) -> AuditLog {
    let mut log = AuditLog::default();
    for (index, leaf) in leaves.iter().enumerate() {
        assert_eq!(log.append(*leaf), index as u64);
    }
    log
}

#[test]
fn all_sizes_agree_with_the_definition() {
    let leaves = leaves(130);
    let mut grown = AuditLog::default();
    let whole = log(&leaves);
    for size in 0..=leaves.len() {
        assert_eq!(grown.root(), naive::root(&leaves[..size]));
        assert_eq!(whole.root_at(size as u64), Ok(grown.root()));
        assert_eq!(grown.frontier().root(), Some(grown.root()));
        if let Some(leaf) = leaves.get(size) {
            grown.append(*leaf);
        }
    }
    for size in 1..=leaves.len() {
        let root = naive::root(&leaves[..size]);
        for index in 0..size {
            let proof = whole.inclusion_proof(index as u64, size as u64).unwrap();
            assert_eq!(proof, naive::path(index, &leaves[..size]));
            verify_inclusion(&leaves[index], index as u64, size as u64, &proof, &root).unwrap();
        }
        for old in 0..=size {
            let proof = whole.consistency_proof(old as u64, size as u64).unwrap();
            let old_root = naive::root(&leaves[..old]);
            if old > 0 {
                assert_eq!(proof, naive::subproof(old, &leaves[..size], true));
            }
            verify_consistency(old as u64, size as u64, &proof, &old_root, &root).unwrap();
        }
    }
}

/// The test vectors of the certificate-transparency code base.
#[test]
fn certificate_transparency_vectors() {
    let inputs =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    let roots = [
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
    let mut log = AuditLog::default();
    assert_eq!(log.root().to_string(), roots[0]);
    for (input, root) in inputs.iter().zip(&roots[1..]) {
        log.append(leaf_hash(&hex::decode(input).unwrap()));
        assert_eq!(log.root().to_string(), *root);
    }
    let hexes = |proof: Vec<Digest>| proof.iter().map(Digest::to_string).collect::<Vec<_>>();
    assert_eq!(
        hexes(log.inclusion_proof(5, 8).unwrap()),
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
    assert_eq!(
        hexes(log.consistency_proof(6, 8).unwrap()),
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
}

#[test]
fn what_was_tampered_with_is_refused() {
    let leaves = leaves(23);
    let log = log(&leaves);
    let root = log.root();
    for index in 0..23u64 {
        let (proof, leaf) = (log.inclusion_proof(index, 23).unwrap(), leaves[index as usize]);
        let fails = |leaf, index, size, proof: &[Digest], root: &Digest| {
            assert!(verify_inclusion(&leaf, index, size, proof, root).is_err());
        };
        fails(leaf, index + 1, 23, &proof, &root);
        fails(leaf_hash(b"x"), index, 23, &proof, &root);
        fails(leaf, index, 23, &proof, &leaf);
        fails(leaf, index, 23, &proof[1..], &root);
        fails(leaf, index, index, &proof, &root);
        fails(leaf, index, 23, &[proof.clone(), vec![root]].concat(), &root);
        for node in 0..proof.len() {
            let mut bad = proof.clone();
            bad[node].0[9] ^= 1;
            fails(leaf, index, 23, &bad, &root);
        }
    }
    for old in 1..23 {
        let (proof, old_root) = (log.consistency_proof(old, 23).unwrap(), log.root_at(old).unwrap());
        let fails = |old, new, proof: &[Digest], old_root: &Digest, new_root: &Digest| {
            assert!(verify_consistency(old, new, proof, old_root, new_root).is_err());
        };
        fails(old, 23, &proof, &root, &root);
        fails(old, 23, &proof, &old_root, &old_root);
        fails(24, 23, &proof, &old_root, &root);
        fails(old, 23, &proof[1..], &old_root, &root);
        fails(old, 23, &[proof.clone(), vec![root]].concat(), &old_root, &root);
        for node in 0..proof.len() {
            let mut bad = proof.clone();
            bad[node].0[9] ^= 1;
            fails(old, 23, &bad, &old_root, &root);
        }
    }
    assert_eq!(verify_consistency(0, 23, &[], &root, &root), Err(ProofError::Root));
}

#[test]
fn restored_from_a_frontier_it_proves_what_came_after() {
    let leaves = leaves(70);
    let whole = log(&leaves);
    for base in 0..=leaves.len() {
        let mut restored = AuditLog::from_frontier(log(&leaves[..base]).frontier()).unwrap();
        let base = base as u64;
        for leaf in &leaves[base as usize..] {
            restored.append(*leaf);
        }
        assert_eq!((restored.root(), restored.size()), (whole.root(), 70));
        assert_eq!(restored.frontier(), whole.frontier());
        for size in 0..=70 {
            let root = restored.root_at(size);
            if size >= base || size == 0 {
                assert_eq!(root, whole.root_at(size));
            } else {
                assert_eq!(root, Err(LogError::NotHeld { asked: size, held_from: base }));
            }
            for index in 0..size {
                let proof = restored.inclusion_proof(index, size);
                if index >= base {
                    assert_eq!(proof, whole.inclusion_proof(index, size), "{base}: {index} of {size}");
                } else {
                    assert!(matches!(proof, Err(LogError::NotHeld { .. })));
                }
                if index >= base && base > 0 {
                    assert_eq!(restored.consistency_proof(index, size), whole.consistency_proof(index, size));
                }
            }
        }
    }
    let peaks = List::new(vec![Digest::default()]).unwrap();
    assert!(AuditLog::from_frontier(Frontier { size: 3, peaks }).is_none());
}

#[test]
fn what_is_not_there_yet() {
    let log = log(&leaves(5));
    assert_eq!(log.root_at(6), Err(LogError::PastEnd { asked: 6, end: 5 }));
    assert_eq!(log.inclusion_proof(4, 4), Err(LogError::PastEnd { asked: 4, end: 4 }));
    assert_eq!(log.inclusion_proof(0, 0), Err(LogError::PastEnd { asked: 0, end: 0 }));
    assert_eq!(log.consistency_proof(5, 4), Err(LogError::PastEnd { asked: 5, end: 4 }));
    assert_eq!(log.consistency_proof(4, 6), Err(LogError::PastEnd { asked: 6, end: 5 }));
}

#[test]
fn memory_stays_below_64_bytes_a_leaf_and_clones_share() {
    let log = log(&leaves(100_000));
    assert!(log.memory_bytes() < 45 * 100_000, "{}", log.memory_bytes());
    let mut fork = log.clone();
    fork.append(leaf_hash(b"x"));
    let shared = fork.levels[0].0.iter().zip(&log.levels[0].0).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
    assert_eq!(shared, 100_000 / CHUNK);
    assert_ne!(fork.root(), log.root());
}

#[test]
fn what_is_kept_is_proven_as_before() {
    let leaves = leaves(150);
    for base in [1, 2, 63, 64, 65, 100, 149, 150] {
        let whole = log(&leaves);
        let mut short = whole.clone();
        short.forget_before(base);
        assert_eq!((short.size(), short.root(), short.held_from()), (150, whole.root(), base));
        for index in base..150 {
            for size in [index + 1, 150] {
                assert_eq!(short.inclusion_proof(index, size), whole.inclusion_proof(index, size));
            }
        }
        assert!(short.inclusion_proof(base - 1, 150).is_err());
        let mut grown = short;
        grown.append(leaves[0]);
        let mut expected = whole;
        expected.append(leaves[0]);
        assert_eq!(grown.root(), expected.root());
    }
}
